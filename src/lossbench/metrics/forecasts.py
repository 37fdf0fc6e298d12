"""Metrics of forecasts beside those of any value: scaled, of the total, and of quantiles; for all members."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics import weighing
from lossbench.metrics.names import LEVELS, coverage_of

if TYPE_CHECKING:
    from torch import Tensor

_SAME = 1e-6  # levels that are nearer to each other are one


def scaled(
    value: Tensor, target: Tensor, naive_scale: Tensor, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """mase: the mean of |error| over that of the seasonal naive forecast on training steps.

    Below 1 the forecast is better than that one was there (Hyndman, Koehler, "Another Look at Measures of
    Forecast Accuracy", International Journal of Forecasting 22, 2006). nan where that one makes no error.

    Args:
        value, target: (R, N, ...) in units of the target, finite.
        naive_scale: (R, N), or (R, N, size) where each example has several numbers, 0 or more.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64.
    """
    places = (1,) * (target.ndim - naive_scale.ndim)
    scale = naive_scale.reshape(*naive_scale.shape[:2], *places, *naive_scale.shape[2:])
    error, exact = (value - target.double()).abs(), scale == 0  # as what weighs nothing is, too
    undefined = _mean(exact.double().expand(target.shape), weight) > 0
    return {"mase": torch.where(undefined, torch.nan, _mean(error / scale.where(~exact, 1), weight))}


def of_total(value: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """bias: the sum of forecasts over the sum of truths, less 1; and bias_size, how large it is.

    Below 0 too little is forecast. nan where the truths sum to 0.

    Args:
        value, target, weight: as above.
    """
    forecast, truth = (_mean(values.double(), weight) for values in (value, target))
    bias = torch.where(truth == 0, torch.nan, (forecast - truth) / truth)
    return {"bias": bias, "bias_size": bias.abs()}


def of_quantiles(
    quantiles: Tensor, levels: Tensor, target: Tensor, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """coverage of each level that has a metric of its own, coverage_error, pinball_score and crossing.

    coverage: the share of truths that are not above the quantile; right is its level. coverage_error: how far
    it lies from its level, the mean over all levels. pinball_score: the mean pinball loss over all levels, in
    units of the target. crossing: the share of forecasts in which a quantile lies below one of a lower level.

    Args:
        quantiles: (R, N, ..., Q) in units of the target, finite.
        levels: (R, N, Q), the same for every example, rising; 0 of examples that weigh nothing.
        target: (R, N, ...).
        weight: as above.

    Returns:
        (R,) float64 each; nan of a level that a member does not have.
    """
    level = levels.double().amax(1).round(decimals=6)  # (R, Q)
    quantiles, truth = quantiles.flatten(1, -2).double(), target.double().unsqueeze(-1)
    truth = truth.flatten(1, -2)
    spread = None if weight is None else weighing.spread(weight, target)
    error = truth - quantiles  # (R, M, Q)
    costs = torch.maximum(level.unsqueeze(1) * error, (level.unsqueeze(1) - 1) * error)
    covered = torch.stack([weighing.mean(one, spread) for one in (error <= 0).double().unbind(-1)], -1)
    found = {
        "coverage_error": (covered - level).abs().mean(-1),
        "pinball_score": weighing.mean(costs.mean(-1), spread),
    }
    if level.shape[-1] > 1:
        crossed = (quantiles[..., 1:] < quantiles[..., :-1]).any(-1)
        found["crossing"] = weighing.mean(crossed.double(), spread)
    for known in LEVELS:
        own = (level - known).abs() < _SAME
        if bool(own.any()):
            value = torch.where(own, covered, 0).sum(-1)
            found[coverage_of(known)] = torch.where(own.any(-1), value, torch.nan)
    return found


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return weighing.mean(values.flatten(1), None if weight is None else weighing.spread(weight, values))
