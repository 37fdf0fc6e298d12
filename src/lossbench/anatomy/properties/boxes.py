"""Losses of boxes: iou, giou, diou, ciou."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from lossbench.anatomy.properties.measure import POINTS, Found, drawn, gradient, holds, largest
from lossbench.losses.ciou import ciou_loss
from lossbench.losses.diou import diou_loss
from lossbench.losses.giou import giou_loss
from lossbench.losses.iou import iou_loss

if TYPE_CHECKING:
    from torch import Tensor

_REZATOFIGHI, _ZHENG = "Rezatofighi et al. (CVPR 2019), section", "Zheng et al. (AAAI 2020)"


def _boxes(purpose: str) -> Tensor:
    """Boxes (N, 4) about the origin, with sides from 1 to about 10."""
    centre, size = drawn(POINTS, 4, purpose=purpose).split_with_sizes((2, 2), -1)
    half = (1 + size.abs()) / 2
    return torch.cat([centre - half, centre + half], -1)


def _apart() -> tuple[Tensor, Tensor]:
    """Boxes, and others with nothing in common with them."""
    box, other = _boxes("boxes"), _boxes("other boxes")
    past = box[:, 2:] - other[:, :2] + drawn(POINTS, 2, purpose="gaps").abs() + 0.1
    return box, other + torch.cat([past, past], -1)


def _within() -> tuple[Tensor, Tensor]:
    """Boxes within others, no edge of which they touch; from a tenth to four fifths as wide and high."""
    box = _boxes("boxes")
    low, side = box[:, :2], box[:, 2:] - box[:, :2]
    share, place = drawn(POINTS, 4, purpose="inner boxes").sigmoid().split_with_sizes((2, 2), -1)
    inner = side * (0.1 + 0.7 * share)
    first = low + (side - inner) * (0.05 + 0.9 * place)
    return torch.cat([first, first + inner], -1), box


def _slopes(loss: Callable[[Tensor, Tensor], Tensor], box: Tensor, target: Tensor) -> Tensor:
    return gradient(lambda moved: loss(moved, target), box)


@holds(
    "IoU loss pulls at no box that has nothing in common with its target.",
    f"{_REZATOFIGHI} 1",
    "largest gradient",
    high=0,
)
def iou_rests_apart() -> Found:
    return largest(_slopes(iou_loss, *_apart()))


@holds("IoU loss is the same in a larger picture.", f"{_REZATOFIGHI} 3")
def iou_knows_no_scale() -> Found:
    box, target = _boxes("boxes"), _boxes("other boxes")
    return largest(iou_loss(7 * box, 7 * target) - iou_loss(box, target))


@holds(
    "GIoU loss pulls at every box that has nothing in common with its target.",
    f"{_REZATOFIGHI} 3",
    "smallest length of the gradient",
    low=1e-6,
    high=float("inf"),
)
def giou_pulls_apart() -> Found:
    pulls = _slopes(giou_loss, *_apart()).norm(dim=-1)
    return Found(float(pulls.min()), len(pulls))


@holds("Where one box holds the other GIoU loss is IoU loss.", _ZHENG)
def giou_is_iou_within() -> Found:
    box, target = _within()
    return largest(giou_loss(box, target) - iou_loss(box, target))


@holds(
    "Where one box holds the other DIoU loss still draws their centres together.",
    _ZHENG,
    "smallest pull towards the centre of the other, for each unit of the distance",
    low=1e-6,
    high=float("inf"),
)
def diou_draws_centres() -> Found:
    box, target = _within()
    slopes = _slopes(diou_loss, box, target)
    way = (target - box).unflatten(-1, (2, 2)).mean(-2)  # type: ignore[no-untyped-call]
    pulls = -((slopes[:, :2] + slopes[:, 2:]) * way).sum(-1) / way.square().sum(-1)
    return Found(float(pulls.min()), len(pulls))


@holds("Of boxes of one shape CIoU loss is DIoU loss.", _ZHENG)
def ciou_adds_shape_alone() -> Found:
    box, target = _boxes("boxes"), _boxes("other boxes")
    size = (box[:, 2:] - box[:, :2]) * drawn(POINTS, 1, purpose="sizes").exp()
    alike = torch.cat([target[:, :2], target[:, :2] + size], -1)
    return largest(ciou_loss(box, alike) - diou_loss(box, alike))
