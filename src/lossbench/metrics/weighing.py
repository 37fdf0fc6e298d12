"""Sums and medians of weighed numbers: what weighs nothing changes no bit of them, wherever it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_ROUNDING = 1e-12  # of sums of weights, as a share of their total


def spread(weight: Tensor, places: Tensor) -> Tensor:
    """Weights (R, N) or (R, N, *places) as (R, M) float64: for all of the places (R, N, ...), in a row."""
    widened = weight[(..., *(None,) * (places.ndim - weight.ndim))]
    return widened.expand(places.shape).flatten(1).double()


def running(values: Tensor) -> Tensor:
    """The sums up to each place of the last dimension, one after another: a zero between changes no bit.

    On the CPU, for an accelerator adds in an order that may change from run to run.
    """
    return values.cpu().cumsum(-1).to(values.device)


def total(values: Tensor) -> Tensor:
    """The sum of the last dimension, as `running` ends."""
    return running(values)[..., -1]


def mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """The mean of (R, M), weighted where there are weights: (R,), nan where nothing weighs anything."""
    return values.mean(-1) if weight is None else total(values * weight) / total(weight)


def median(values: Tensor, weight: Tensor) -> Tensor:
    """The weighted median of (R, M), as scikit-learn has it: of two that share the middle, the mean."""
    ordered, order = values.sort(dim=-1, stable=True)
    below = running(weight.gather(-1, order))
    all_ = below[..., -1:]
    half, rounding = all_ / 2, all_ * _ROUNDING
    last = values.shape[-1] - 1
    middle = torch.searchsorted(below, half - rounding).clamp(max=last)
    reached = below.gather(-1, middle)
    after = torch.searchsorted(below, reached, right=True).clamp(max=last)
    lower, upper = ordered.gather(-1, middle), ordered.gather(-1, after)
    found = torch.where(reached > half + rounding, lower, (lower + upper) / 2)
    return torch.where(all_ > 0, found, torch.nan).squeeze(-1)
