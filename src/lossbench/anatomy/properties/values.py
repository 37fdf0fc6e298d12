"""Losses of a number: mse, mae, huber."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from lossbench.anatomy.properties.measure import (
    POINTS,
    SEARCHED,
    Found,
    drawn,
    gradient,
    holds,
    largest,
    minimiser,
)
from lossbench.losses.huber import huber
from lossbench.losses.mae import absolute_error
from lossbench.losses.mse import squared_error

if TYPE_CHECKING:
    from torch import Tensor

_ESL = "Hastie, Tibshirani and Friedman (2009)"


def _of_values(loss: Callable[..., Tensor], **knobs: float) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss on rows of one output as a function of numbers whose shapes broadcast."""

    def of_numbers(output: Tensor, target: Tensor) -> Tensor:
        output, target = output + torch.zeros_like(target), target + torch.zeros_like(output)
        return loss(output.unsqueeze(-1), target.unsqueeze(-1), **knobs)

    return of_numbers


_SQUARE, _ABSOLUTE = _of_values(squared_error), _of_values(absolute_error)
_HUBER = _of_values(huber, delta=1.0)


def _skewed() -> Tensor:
    """A lopsided sample, whose mean and median are far apart."""
    return drawn(501, purpose="skewed", scale=1.0).exp()


@holds("The gradient of MSE grows in proportion to the error, without bound.", f"{_ESL}, section 10.6")
def mse_gradient_grows() -> Found:
    errors = drawn(POINTS, purpose="errors")
    return largest(gradient(lambda e: _SQUARE(e, torch.zeros_like(e)), errors) - 2 * errors)


@holds(
    "The constant with the least MSE is the mean.",
    f"{_ESL}, section 2.4",
    "distance from the mean",
    high=SEARCHED,
)
def mse_finds_mean() -> Found:
    sample = _skewed()
    return Found(abs(minimiser(_SQUARE, sample) - float(sample.mean())), len(sample))


@holds("The gradient of MAE has the same size for every error.", f"{_ESL}, section 10.6")
def mae_gradient_is_constant() -> Found:
    errors = drawn(POINTS, purpose="errors")
    return largest(gradient(lambda e: _ABSOLUTE(e, torch.zeros_like(e)), errors).abs() - 1)


@holds(
    "The constant with the least MAE is the median.",
    f"{_ESL}, section 2.4",
    "distance from the median",
    high=SEARCHED,
)
def mae_finds_median() -> Found:
    sample = _skewed()
    return Found(abs(minimiser(_ABSOLUTE, sample) - float(sample.median())), len(sample))


@holds("Huber's gradient is that of a square up to delta and constant beyond.", "Huber (1964)")
def huber_gradient_is_clipped() -> Found:
    errors = drawn(POINTS, purpose="errors")
    slopes = gradient(lambda e: _HUBER(e, torch.zeros_like(e)), errors)
    return largest(slopes - errors.clamp(-1, 1))


@holds(
    "Huber's best constant lies between the median and the mean.",
    "Huber (1964)",
    "share of the way from the median to the mean",
    low=0.001,
    high=0.999,
)
def huber_lies_between() -> Found:
    """The share of the way from the median to the mean at which its minimum lies."""
    sample = _skewed()
    mean, median = float(sample.mean()), float(sample.median())
    return Found((minimiser(_HUBER, sample) - median) / (mean - median), len(sample))
