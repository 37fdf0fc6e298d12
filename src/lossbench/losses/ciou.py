"""Overlap of boxes, the distance of their centres, and their shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.boxes import LEAST, beside
from lossbench.losses.diou import distance_of
from lossbench.losses.heads import BoxLoss
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


def ciou_loss(output: Tensor, target: Tensor) -> Tensor:
    """1 - CIoU: beside overlap and distance counts how the angles of the diagonals differ.

        L = 1 - IoU + |a - b|^2 / d^2 + alpha v
        v = 4 / pi^2 (arctan(w_t / h_t) - arctan(w / h))^2
        alpha = v / (1 - IoU + v)

    alpha is a weight, which is not differentiated. The gradient of v is that of the formula, as in
    torchvision; the authors' own code leaves its factor 1 / (w^2 + h^2) out, which is large of small boxes.

    Args:
        output: float (..., 4), x1, y1, x2, y2.
        target: float (..., 4).

    Returns:
        (...), one value per example, from 0 of equal boxes to 2.5.

    Raises:
        ValueError: the shapes differ, or the last dimension is not 4.

    Source:
        Zheng, Wang, Liu, Li, Ye, Ren, "Distance-IoU Loss: Faster and Better Learning for Bounding Box
        Regression" (AAAI 2020), equations 8 to 11.
    """
    pair = beside(output, target)
    angle, other = (width.atan2(height) for width, height in map(_shape, pair.sides))
    unlike = 4 / math.pi**2 * (other - angle).square()
    apart = (1 - pair.iou).clamp(min=0) + unlike
    alpha = (unlike / apart.clamp(min=LEAST**2)).detach()
    return distance_of(pair) + alpha * unlike


def _shape(sides: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height that have a ratio; a box without any is a square."""
    width, height = sides.clamp(min=LEAST).unbind(-1)
    return width, height


@dataclass(frozen=True, kw_only=True)
class CIoU(BoxLoss):
    """Overlap with the true box, the distance of the centres, and the shapes."""

    name: str = "ciou"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return ciou_loss(*self.compared(output, target))
