"""Overlap of boxes, and the empty share of the box around both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.boxes import LEAST, beside
from lossbench.losses.heads import BoxLoss
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


def giou_loss(output: Tensor, target: Tensor) -> Tensor:
    """1 - GIoU: beside the overlap counts which share of the box around both (the hull) neither covers.

        L = 1 - |A and B| / |A or B| + (|H| - |A or B|) / |H|

    So boxes that lie apart are drawn together. Where one box holds the other the hull is the larger one,
    nothing of it is empty, and the loss is that of IoU.

    Args:
        output: float (..., 4), x1, y1, x2, y2.
        target: float (..., 4).

    Returns:
        (...), one value per example, from 0 of equal boxes to 2 of small boxes far apart.

    Raises:
        ValueError: the shapes differ, or the last dimension is not 4.

    Source:
        Rezatofighi, Tsoi, Gwak, Sadeghian, Reid, Savarese, "Generalized Intersection over Union: A Metric and
        A Loss for Bounding Box Regression" (CVPR 2019), algorithm 2.
    """
    pair = beside(output, target)
    hull = pair.hull.prod(-1)
    return 1 - pair.iou + (hull - pair.union) / hull.clamp(min=LEAST**2)


@dataclass(frozen=True, kw_only=True)
class GIoU(BoxLoss):
    """Overlap with the true box, and the empty share of the box around both."""

    name: str = "giou"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return giou_loss(*self.compared(output, target))
