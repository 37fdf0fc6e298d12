"""Distillation by the Jensen-Shannon divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.divergences import jsd_of_classes
from lossbench.losses.taught import TaughtLoss

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class JSD(TaughtLoss):
    """T^2 times the Jensen-Shannon divergence of teacher and student at temperature T, and the cross-entropy
    of the label. It has no direction, and is never above T^2 log 2.

    temperature: T, above 0; searched where that of distillation is.

    Source: Agarwal and others, "On-Policy Distillation of Language Models" (ICLR 2024), section 2, for texts.
    """

    name: str = "jsd"
    temperature: float = knob(4.0, above=0, search=log(1, 20))

    def soft(self, teacher: Tensor, output: Tensor) -> Tensor:
        """T^2 JSD(teacher, student)."""
        return jsd_of_classes(teacher, output, temperature=self.temperature) * self.temperature**2
