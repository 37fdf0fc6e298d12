"""The layer of NLinear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from lossbench.task import OwnPast


class OnLastValue(nn.Module):
    """A linear layer on windows (N, T, C) less the last value of the target, which is added: (N, outputs).

    Args:
        shape: T and C.
        outputs: for each step of the target and each number of it as many, one after another.

    Buffers:
        scale, shift: from what is read to what a loss sees, (columns of the target,).
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, shape: Sequence[int], past: OwnPast, outputs: int) -> None:
        super().__init__()
        steps, columns = shape
        self.repeats = (past.steps, len(past.scale), outputs // (past.steps * len(past.scale)))
        self.linear = nn.Linear(steps * columns, outputs)
        self.register_buffer("scale", torch.tensor(past.scale))
        self.register_buffer("shift", torch.tensor(past.shift))

    def forward(self, steps: Tensor) -> Tensor:
        _, columns, _ = self.repeats
        own, others = steps[..., :columns], steps[..., columns:]
        last = own[..., -1:, :]
        changes = torch.cat([own - last, others], dim=-1).flatten(-2)
        # For each step of the target, and each output of a number, the same.
        value = (last * self.scale + self.shift).unsqueeze(-1)
        value = value.expand(*value.shape[:-3], *self.repeats).flatten(-3)
        found: Tensor = self.linear(changes)
        return found + value
