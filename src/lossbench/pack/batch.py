"""What all members of a pack read in one step of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lossbench.task import PROGRESS
from lossbench.trees import Tree, leaves


@dataclass(frozen=True)
class Batch:
    """A training batch of all lanes, of B examples each."""

    read: tuple[Tree, ...]  # what the modules of a lane are called with, each tensor (L, B, ...)
    targets: Mapping[str, Tensor]  # kind -> (L, B, ...) as losses see them, and what is shared (L, ...)
    weight: Tensor | None  # (R,) what a member's batch counts in the mean of its epoch; None: as each example
    size: int

    def at(self, progress: float) -> Batch:
        """The same, where losses may read how much of training is behind, 0 to 1, (L,)."""
        lanes = leaves(self.read)[0]
        share = torch.full((len(lanes),), progress, device=lanes.device)
        return replace(self, targets={PROGRESS: share, **self.targets})
