"""Distillation by the KL of the other direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.divergences import reverse_kl_of_classes
from lossbench.losses.taught import TaughtLoss

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ReverseKL(TaughtLoss):
    """T^2 KL(student || teacher) at temperature T, and the cross-entropy of the label.

    The student stands first: it may leave out classes that the teacher holds possible, and must give up those
    that the teacher holds impossible.

    temperature: T, above 0; searched where that of distillation is.

    Source: Gu, Dong, Wei, Huang, "MiniLLM: Knowledge Distillation of Large Language Models" (ICLR 2024),
    section 2.1, for texts.
    """

    name: str = "reverse_kl"
    temperature: float = knob(4.0, above=0, search=log(1, 20))

    def soft(self, teacher: Tensor, output: Tensor) -> Tensor:
        """T^2 KL(student || teacher)."""
        return reverse_kl_of_classes(teacher, output, temperature=self.temperature) * self.temperature**2
