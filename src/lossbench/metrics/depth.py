"""Metrics of depths and other values above 0, by their ratios, for all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics import weighing

if TYPE_CHECKING:
    from torch import Tensor

FACTOR = 1.25
_LEAST = 0.1  # of a target: a prediction below that, which may be negative, has the logarithm of that


def of_ratios(value: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """abs_rel and within_1.25, over all examples and places.

    abs_rel: the mean of |value - target| / target. within_1.25: the share of values that are less than 1.25
    times the target and more than the target over 1.25 (Eigen, Puhrsch, Fergus, NIPS 2014, section 4.1). Both
    are nan where a target that counts is not above 0.

    Args:
        value, target: (R, N, ...) in units of the target, finite.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64 each.
    """
    truth, weights = target.double(), _weights(weight, target)
    ratio = value / truth.where(truth > 0, 1)
    inside = (ratio < FACTOR) & (ratio * FACTOR > 1)
    found = {"abs_rel": (ratio - 1).abs(), "within_1.25": inside.double()}
    undefined = _undefined(truth, weights)
    return {
        name: torch.where(undefined, torch.nan, weighing.mean(own.flatten(1), weights))
        for name, own in found.items()
    }


def of_shapes(value: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """scale_invariant_rmse: the root of the mean squared error of logarithms, less its mean in each example.

    A factor on all values of an example costs nothing (Eigen and others 2014, section 3.2). A value below a
    tenth of its target counts as a tenth of it. nan where a target that counts is not above 0; nothing of
    targets without places, where nothing would be left of one number.

    Args:
        value, target, weight: as above.

    Returns:
        (R,) float64.
    """
    if target.ndim < 3:
        return {}
    truth, weights = target.double(), _weights(weight, target)
    apart = (value / truth.where(truth > 0, 1)).clamp(min=_LEAST).log()
    counts = weights.view(*target.shape[:2], -1)
    apart = apart.flatten(2)
    total = weighing.total(counts)
    common = weighing.total(apart * counts) / total.where(total > 0, 1)
    squares = weighing.mean((apart - common.unsqueeze(-1)).square().flatten(1), weights)
    return {"scale_invariant_rmse": torch.where(_undefined(truth, weights), torch.nan, squares.sqrt())}


def _weights(weight: Tensor | None, target: Tensor) -> Tensor:
    """(R, M) float64 for all places of the targets."""
    ones = torch.ones(target.shape[:2], device=target.device)
    return weighing.spread(ones if weight is None else weight, target)


def _undefined(truth: Tensor, weights: Tensor) -> Tensor:
    """(R,) whether a target that counts has no ratio."""
    return ((truth.flatten(1) <= 0) & (weights > 0)).any(-1)
