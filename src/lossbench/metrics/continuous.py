"""Metrics of predicted values, for all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def continuous(value: Tensor, target: Tensor) -> dict[str, Tensor]:
    """mae, rmse, median_ae and r2.

    r2 of a constant target is 1 where the prediction is exact, else 0, as in scikit-learn.

    Args:
        value, target: (R, N) in units of the target, finite, N >= 1.

    Returns:
        (R,) float64 each.
    """
    target = target.double()
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


def disputed(shares: Tensor) -> Tensor:
    """Positions (R, N/4 rounded up) of the examples whose raters disagree most.

    Disagreement is the variance of the answers; of equal ones the earlier example is taken, so that every
    member with the same targets has the same positions.

    Args:
        shares: (R, N, C), the share of raters for each of C evenly spaced answers.
    """
    answers = torch.arange(shares.shape[-1], dtype=torch.float64, device=shares.device)
    shares = shares.double()
    variance = shares @ answers.square() - (shares @ answers).square()
    # Rounded, because sums in another order must not turn ties.
    order = variance.round(decimals=9).sort(dim=-1, descending=True, stable=True).indices
    return order[..., : -(-shares.shape[-2] // 4)]


def median(values: Tensor) -> Tensor:
    """The median of the last dimension as numpy has it: of an even N, the mean of the two in the middle."""
    count = values.shape[-1]
    upper = values.kthvalue(count // 2 + 1).values
    if count % 2:
        return upper
    return (values.kthvalue(count // 2).values + upper) / 2
