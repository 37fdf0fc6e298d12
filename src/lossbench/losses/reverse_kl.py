"""Distillation by the KL of the other direction."""

from __future__ import annotations

from dataclasses import dataclass

from lossbench.losses.divergences import reverse_kl_of_classes
from lossbench.losses.taught import SoftenedLoss


@dataclass(frozen=True, kw_only=True)
class ReverseKL(SoftenedLoss):
    """T^2 KL(student || teacher) at temperature T, and the cross-entropy of the label.

    The student stands first: it may leave out classes that the teacher holds possible, and must give up those
    that the teacher holds impossible.

    Source: Gu, Dong, Wei, Huang, "MiniLLM: Knowledge Distillation of Large Language Models" (ICLR 2024),
    section 2.1, for texts.
    """

    name: str = "reverse_kl"
    divergence = staticmethod(reverse_kl_of_classes)
