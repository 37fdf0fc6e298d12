"""Metrics of predicted boxes, for all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics import weighing
from lossbench.metrics.names import OVERLAPS, share_at

if TYPE_CHECKING:
    from torch import Tensor


def boxes(value: Tensor, box: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """mean_iou, the share of boxes at each IoU of `OVERLAPS`, centre_error and size_error.

    One object an image and no score: the share of boxes whose IoU is 0.5 or more is recall at that IoU, no
    average precision. centre_error is the mean Euclidean distance of the centres; size_error the mean of the
    absolute errors of width and height.

    Args:
        value, box: (R, N, ..., 4) float64: x1, y1, x2, y2 in pixels, finite. A predicted side with x2 below
            x1 has length 0, and its centre is the mean of the two all the same.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64 each.
    """
    truth = box.double()
    overlap = iou(value, truth)
    apart = (_centre(value) - _centre(truth)).square().sum(-1).sqrt()
    sizes = (_sides(value) - _sides(truth)).abs().mean(-1)
    found = {"mean_iou": overlap}
    found |= {share_at(least): (overlap >= least).double() for least in OVERLAPS}
    found |= {"centre_error": apart, "size_error": sizes}
    spread = None if weight is None else weighing.spread(weight, overlap)
    return {name: weighing.mean(values.flatten(1), spread) for name, values in found.items()}


def iou(one: Tensor, other: Tensor) -> Tensor:
    """The intersection over the union of boxes (..., 4) and others: (...), 0 to 1.

    A side with x2 below x1 has length 0; the IoU of two boxes without an inside is 0.
    """
    both = (one[..., 2:].minimum(other[..., 2:]) - one[..., :2].maximum(other[..., :2])).clamp(min=0)
    shared = both.prod(-1)
    union = _sides(one).prod(-1) + _sides(other).prod(-1) - shared
    return torch.where(union > 0, shared / union, 0)


def _sides(box: Tensor) -> Tensor:
    """Width and height (..., 2)."""
    return (box[..., 2:] - box[..., :2]).clamp(min=0)


def _centre(box: Tensor) -> Tensor:
    """x and y (..., 2)."""
    return (box[..., :2] + box[..., 2:]) / 2
