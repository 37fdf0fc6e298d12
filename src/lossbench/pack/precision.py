"""How a GPU computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def exactly() -> Iterator[None]:
    """Convolutions and recurrent layers in single precision, and the same numbers each time.

    By default cuDNN rounds what they multiply to TF32, ten bits: a thousandth, which is more than many losses
    differ by, and other numbers than a processor has. And of its ways to the gradient of a convolution some
    add in whatever order their threads end.
    """
    cudnn: Any = torch.backends.cudnn  # which types itself as less than it is
    kinds = (cudnn.conv, cudnn.rnn)
    before, determined = [kind.fp32_precision for kind in kinds], cudnn.deterministic
    for kind in kinds:
        kind.fp32_precision = "ieee"
    cudnn.deterministic = True
    try:
        yield
    finally:
        cudnn.deterministic = determined
        for kind, precision in zip(kinds, before, strict=True):
            kind.fp32_precision = precision
