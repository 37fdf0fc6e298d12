"""Overlap of boxes, and the distance of their centres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.boxes import LEAST, Pair, beside
from lossbench.losses.heads import BoxLoss
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


def diou_loss(output: Tensor, target: Tensor) -> Tensor:
    """1 - DIoU: beside the overlap counts how far the centres are apart.

        L = 1 - IoU + |a - b|^2 / d^2

    with the centres a and b, and the diagonal d of the box around both.

    Args:
        output: float (..., 4), x1, y1, x2, y2.
        target: float (..., 4).

    Returns:
        (...), one value per example, from 0 of equal boxes to 2 of small boxes far apart.

    Raises:
        ValueError: the shapes differ, or the last dimension is not 4.

    Source:
        Zheng, Wang, Liu, Li, Ye, Ren, "Distance-IoU Loss: Faster and Better Learning for Bounding Box
        Regression" (AAAI 2020), equation 7.
    """
    return distance_of(beside(output, target))


def distance_of(pair: Pair) -> Tensor:
    """The loss (...) of two boxes beside each other."""
    return 1 - pair.iou + pair.apart / pair.hull.square().sum(-1).clamp(min=LEAST**2)


@dataclass(frozen=True, kw_only=True)
class DIoU(BoxLoss):
    """Overlap with the true box, and the distance of the centres."""

    name: str = "diou"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return diou_loss(*self.compared(output, target))
