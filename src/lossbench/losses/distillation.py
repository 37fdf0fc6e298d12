"""Distillation: KL from a teacher's softened probabilities to a student's, and the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.divergences import kl_of_classes
from lossbench.losses.taught import TaughtLoss

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Distillation(TaughtLoss):
    """T^2 KL(teacher || student) at temperature T, and the cross-entropy of the label.

    The teacher stands first: the student must give probability wherever the teacher does. T^2 keeps the
    gradient as long whatever T is (it falls as 1 / T^2); towards large T it becomes the mean square of the
    difference of the logits, of which each has the mean 0, over two.

    temperature: T, above 0: large, it shows what the teacher thinks of classes that it holds unlikely.
        Searched from plain probabilities to the 20 that Hinton and others take for their largest student.

    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network" (2015), arXiv 1503.02531,
    section 2; T^2 and the limit, section 2.1.
    """

    name: str = "distillation"
    temperature: float = knob(4.0, above=0, search=log(1, 20))

    def soft(self, teacher: Tensor, output: Tensor) -> Tensor:
        """T^2 KL(teacher || student)."""
        return kl_of_classes(teacher, output, temperature=self.temperature) * self.temperature**2
