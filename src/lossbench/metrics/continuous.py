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


def median(values: Tensor) -> Tensor:
    """The median of the last dimension as numpy has it: of an even N, the mean of the two in the middle."""
    count = values.shape[-1]
    upper = values.kthvalue(count // 2 + 1).values
    if count % 2:
        return upper
    return (values.kthvalue(count // 2).values + upper) / 2
