"""How little two boxes overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.boxes import beside
from lossbench.losses.heads import BoxLoss
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


def iou_loss(output: Tensor, target: Tensor) -> Tensor:
    """1 - IoU, one less the overlap of two boxes over what they cover together.

        L = 1 - |A and B| / |A or B|

    Of boxes that do not overlap it is 1, wherever they are, and its gradient is 0: they stay where they are.

    Args:
        output: float (..., 4), x1, y1, x2, y2.
        target: float (..., 4).

    Returns:
        (...), one value per example, from 0 of equal boxes to 1.

    Raises:
        ValueError: the shapes differ, or the last dimension is not 4.

    Source:
        Yu, Jiang, Wang, Cao, Huang, "UnitBox: An Advanced Object Detection Network" (ACM Multimedia 2016),
        who take -log IoU; 1 - IoU as in Rezatofighi et al. (CVPR 2019), section 3.
    """
    return 1 - beside(output, target).iou


@dataclass(frozen=True, kw_only=True)
class IoU(BoxLoss):
    """One less the overlap with the true box."""

    name: str = "iou"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return iou_loss(*self.compared(output, target))
