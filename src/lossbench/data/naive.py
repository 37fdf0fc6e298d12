"""Forecasts of a series that nobody trains: what a model must be better than."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def last_value(targets: Tensor, first: Tensor, horizon: int) -> Tensor:
    """At each step ahead the last value that is known, (N, horizon, C).

    Args:
        targets: (T, C) the numbers to predict, in the order of time.
        first: (N,) int64, the first steps of what is predicted, above 0.
    """
    return targets[first - 1].unsqueeze(1).expand(-1, horizon, -1)
