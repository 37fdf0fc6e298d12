"""The order of training: which examples stand in a batch together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.seeds import torch_generator

if TYPE_CHECKING:
    from torch import Tensor

EVALUATED_AT_ONCE = 64  # examples at least, as a batch of training: shorter ranges take longer


def order(size: int, seed: int, epoch: int) -> Tensor:
    """(N,) positions of a training split in the order of an epoch (from 0): by seed and epoch alone."""
    import torch

    return torch.randperm(size, generator=torch_generator(seed, "batches", epoch))
