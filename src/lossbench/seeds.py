"""All randomness comes from here: one independent stream per seed and purpose.

A stream depends on the seed and the words that name its purpose alone, so every loss with the same seed
sees the same split, noise, batches and initial weights, whatever else is trained beside it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def stream(seed: int, *purpose: str | int) -> int:
    """A 63-bit number for one purpose of one seed, such as `stream(0, "batches", 3)`."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator of the stream."""
    import torch

    return torch.Generator().manual_seed(stream(seed, *purpose))


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A numpy generator of the stream."""
    import numpy as np

    return np.random.default_rng(stream(seed, *purpose))
