"""What was said of the losses of boxes, and what boxes did that moved by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lossbench.anatomy.properties import Found, Property
from lossbench.anatomy.report import Checked
from lossbench.box_regression.descent import WAYS, Descent, Way, best
from lossbench.losses.ciou import CIoU
from lossbench.losses.diou import DIoU
from lossbench.losses.giou import GIoU
from lossbench.losses.huber import Huber
from lossbench.losses.iou import IoU
from lossbench.losses.mae import MAE
from lossbench.losses.mse import MSE
from lossbench.losses.sum import Sum

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Loss

All = Mapping[tuple[str, str], Sequence[Descent]]
"""Of each loss each way, by both names, at all rates."""

LOSSES: tuple[Loss, ...] = (
    *(MSE(), MAE(), Huber(), IoU(), GIoU(), DIoU(), CIoU()),
    Sum(name="l1_giou", parts={"giou": 2, "mae": 10}),
)
COORDINATES, REACHING = ("mse", "mae", "huber"), ("giou", "diou", "ciou")
_ZHENG = "Zheng et al. (AAAI 2020), section 3"
_CLEAR = 0.001  # of mean IoU; what is nearer together counts as alike


@dataclass(frozen=True)
class Said:
    """A sentence, and the number that decides it, of so many boxes: from `low` to `high` it holds.

    number: of all descents, and of which boxes (N,) start apart.
    """

    id: str
    sentence: str
    source: str
    measured: str
    number: Callable[[All, Tensor], tuple[float, int]]
    low: float
    high: float
    of: str

    def checked(self, found: All, apart: Tensor) -> Checked:
        """Whether it holds of these descents."""
        measured = Found(*self.number(found, apart))
        of = Property(
            self.id,
            self.sentence,
            self.source,
            self.measured,
            lambda: measured,
            self.low,
            self.high,
            of=self.of,
        )
        return Checked(of, measured.value, measured.points)


def checked(found: All, apart: Tensor) -> list[Checked]:
    """The sentences, and whether they hold.

    Args:
        apart: (N,) which boxes start with nothing in common with their target.
    """
    return [one.checked(found, apart) for one in SAID]


def _mean(found: All, loss: str, way: Way) -> float:
    return best(found[loss, way.name]).mean


def _moved(found: All, apart: Tensor) -> tuple[float, int]:
    every = (one for way in WAYS for one in found["iou", way.name])
    return max(float(one.moved[apart].double().mean()) for one in every), int(apart.sum())


def _met(found: All, apart: Tensor) -> tuple[float, int]:
    every = (best(found[loss, way.name]) for loss in REACHING for way in WAYS)
    return min(float((one.iou[apart] > 0).double().mean()) for one in every), int(apart.sum())


def _steps(found: All, apart: Tensor) -> tuple[float, int]:
    gains = (
        _mean(found, new, way) - _mean(found, old, way) for way in WAYS for old, new in pairwise(REACHING)
    )
    return min(gains), len(apart)


def _ahead(found: All, apart: Tensor) -> tuple[float, int]:
    def of(losses: Sequence[str], way: Way) -> float:
        return max(_mean(found, loss, way) for loss in losses)

    return min(of(REACHING, way) - of(COORDINATES, way) for way in WAYS), len(apart)


SAID = (
    Said(
        "iou-stalls",
        "IoU loss does not move a box that has nothing in common with its target.",
        f"Rezatofighi et al. (CVPR 2019), section 1; {_ZHENG}",
        "share of them that moved, at any rate",
        _moved,
        low=0,
        high=0,
        of="iou",
    ),
    Said(
        "others-reach",
        "GIoU, DIoU and CIoU losses bring boxes that have nothing in common with their target to it.",
        f"Rezatofighi et al. (CVPR 2019), section 3; {_ZHENG}",
        "share of them that overlap it in the end, of the worst of the three",
        _met,
        low=0.99,
        high=1,
        of="giou, diou, ciou",
    ),
    Said(
        "order",
        "Boxes that move by themselves end nearer to their targets with CIoU than with DIoU, and with DIoU "
        "than with GIoU.",
        _ZHENG,
        "mean IoU in the end, the smaller of the two gains",
        _steps,
        low=_CLEAR,
        high=1,
        of="giou, diou, ciou",
    ),
    Said(
        "overlap-beats-coordinates",
        "Boxes that move by themselves end nearer to their targets with losses of overlap than with those "
        "of coordinates.",
        f"{_ZHENG}, on losses that are not tailored to IoU",
        "mean IoU in the end, best of giou, diou, ciou less best of mse, mae, huber",
        _ahead,
        low=_CLEAR,
        high=1,
        of="giou, diou, ciou",
    ),
)
