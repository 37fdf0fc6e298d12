"""Distillation: KL from a teacher's softened probabilities to a student's, and the label."""

from __future__ import annotations

from dataclasses import dataclass

from lossbench.losses.divergences import kl_of_classes
from lossbench.losses.taught import SoftenedLoss


@dataclass(frozen=True, kw_only=True)
class Distillation(SoftenedLoss):
    """T^2 KL(teacher || student) at temperature T, and the cross-entropy of the label.

    The teacher stands first: the student must give probability wherever the teacher does. Towards large T it
    becomes the mean square of the difference of the logits, of which each has the mean 0, over two.

    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network" (2015), arXiv 1503.02531,
    section 2; T^2 and the limit, section 2.1.
    """

    name: str = "distillation"
    divergence = staticmethod(kl_of_classes)
