"""Distillation by the Jensen-Shannon divergence."""

from __future__ import annotations

from dataclasses import dataclass

from lossbench.losses.divergences import jsd_of_classes
from lossbench.losses.taught import SoftenedLoss


@dataclass(frozen=True, kw_only=True)
class JSD(SoftenedLoss):
    """T^2 times the Jensen-Shannon divergence of teacher and student at temperature T, and the cross-entropy
    of the label. It has no direction, and is never above T^2 log 2.

    Source: Agarwal and others, "On-Policy Distillation of Language Models" (ICLR 2024), section 2, for texts.
    """

    name: str = "jsd"
    divergence = staticmethod(jsd_of_classes)
