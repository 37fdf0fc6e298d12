"""Metrics of predicted values, for all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics import weighing

if TYPE_CHECKING:
    from torch import Tensor


def continuous(value: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """mae, rmse, median_ae and r2, over all examples and places.

    r2 of a constant target is 1 where the prediction is exact, else 0, as in scikit-learn.

    Args:
        value, target: (R, N, ...) in units of the target, finite, N >= 1.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64 each.
    """
    if weight is not None:
        return _weighted(value.flatten(1), target.flatten(1).double(), weighing.spread(weight, target))
    value, target = value.flatten(1), target.flatten(1).double()
    error = (value - target).abs()  # in float64, as the target
    squares = error.square().sum(-1)
    spread = (target - target.mean(-1, keepdim=True)).square().sum(-1)
    constant = (target == target[..., :1]).all(-1)
    return {
        "mae": error.mean(-1),
        "rmse": (squares / error.shape[-1]).sqrt(),
        "median_ae": median(error),
        "r2": torch.where(constant, (squares == 0).double(), 1 - squares / spread),
    }


def _weighted(value: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
    error, counts = (value - target).abs(), weight > 0
    squares = weighing.mean(error.square(), weight)
    spread = weighing.mean((target - weighing.mean(target, weight).unsqueeze(-1)).square(), weight)
    first = target.gather(-1, counts.long().argmax(-1, keepdim=True))
    constant = ((target == first) | ~counts).all(-1)
    r2 = torch.where(constant, (squares == 0).double(), 1 - squares / spread)
    return {
        "mae": weighing.mean(error, weight),
        "rmse": squares.sqrt(),
        "median_ae": weighing.median(error, weight),
        "r2": torch.where(squares.isnan(), torch.nan, r2),
    }


def among_disputed(
    value: Tensor, target: Tensor, shares: Tensor, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """mae_disputed: mae among the examples whose raters disagree most: the quarter by weight.

    Args:
        value, target, weight: as in `continuous`.
        shares: as in `disputed`.
    """
    own, truth = value.flatten(1), target.flatten(1).double()
    if weight is None:
        rows = disputed(shares)
        return {"mae_disputed": (own.gather(-1, rows) - truth.gather(-1, rows)).abs().mean(-1)}
    weighed = weighing.spread(weight, target)
    order = _by_dispute(shares)
    ordered = weighed.gather(-1, order)
    before = weighing.running(ordered) - ordered
    among = ordered * (before < weighing.total(ordered).unsqueeze(-1) / 4)
    return {"mae_disputed": weighing.mean((own - truth).abs().gather(-1, order), among)}


def disputed(shares: Tensor) -> Tensor:
    """Positions (R, N/4 rounded up) of the examples whose raters disagree most.

    Disagreement is the variance of the answers; of equal ones the earlier example is taken, so that every
    member with the same targets has the same positions.

    Args:
        shares: (R, N, ..., C), the share of raters for each of C evenly spaced answers.
    """
    order = _by_dispute(shares)
    return order[..., : -(-order.shape[-1] // 4)]


def disputed_ones(target: Tensor, shares: Tensor) -> Tensor:
    """As `disputed`, of what `among_disputed` reads besides values."""
    return disputed(shares)


def _by_dispute(shares: Tensor) -> Tensor:
    """Positions (R, M), the most disputed first."""
    answers = torch.arange(shares.shape[-1], dtype=torch.float64, device=shares.device)
    shares = shares.flatten(1, -2).double()
    variance = shares @ answers.square() - (shares @ answers).square()
    # Rounded, because sums in another order must not turn ties.
    return variance.round(decimals=9).sort(dim=-1, descending=True, stable=True).indices


def median(values: Tensor) -> Tensor:
    """The median of the last dimension as numpy has it: of an even N, the mean of the two in the middle."""
    count = values.shape[-1]
    upper = values.kthvalue(count // 2 + 1).values
    if count % 2:
        return upper
    return (values.kthvalue(count // 2).values + upper) / 2
