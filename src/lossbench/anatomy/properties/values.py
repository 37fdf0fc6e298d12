"""Losses of a number: mse, mae, huber."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from lossbench.anatomy.properties.measure import (
    EXACT,
    POINTS,
    SEARCHED,
    Found,
    Property,
    drawn,
    gradient,
    largest,
    minimiser,
)
from lossbench.losses.huber import huber
from lossbench.losses.mae import absolute_error
from lossbench.losses.mse import squared_error

if TYPE_CHECKING:
    from torch import Tensor


def _of_values(loss: Callable[..., Tensor], **knobs: float) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss on rows of one output as a function of numbers whose shapes broadcast."""

    def of_numbers(output: Tensor, target: Tensor) -> Tensor:
        output, target = output + torch.zeros_like(target), target + torch.zeros_like(output)
        return loss(output.unsqueeze(-1), target.unsqueeze(-1), **knobs)

    return of_numbers


_SQUARE, _ABSOLUTE, _HUBER = (
    _of_values(squared_error),
    _of_values(absolute_error),
    _of_values(huber, delta=1.0),
)


def _skewed() -> Tensor:
    """A lopsided sample, whose mean and median are far apart."""
    return drawn(501, purpose="skewed", scale=1.0).exp()


def mse_gradient_grows() -> Found:
    errors = drawn(POINTS, purpose="errors")
    return largest(gradient(lambda e: _SQUARE(e, torch.zeros_like(e)), errors) - 2 * errors)


def mse_finds_mean() -> Found:
    sample = _skewed()
    return Found(abs(minimiser(_SQUARE, sample) - float(sample.mean())), len(sample))


def mae_gradient_is_constant() -> Found:
    errors = drawn(POINTS, purpose="errors")
    return largest(gradient(lambda e: _ABSOLUTE(e, torch.zeros_like(e)), errors).abs() - 1)


def mae_finds_median() -> Found:
    sample = _skewed()
    return Found(abs(minimiser(_ABSOLUTE, sample) - float(sample.median())), len(sample))


def huber_gradient_is_clipped() -> Found:
    errors = drawn(POINTS, purpose="errors")
    slopes = gradient(lambda e: _HUBER(e, torch.zeros_like(e)), errors)
    return largest(slopes - errors.clamp(-1, 1))


def huber_lies_between() -> Found:
    """The share of the way from the median to the mean at which its minimum lies."""
    sample = _skewed()
    mean, median = float(sample.mean()), float(sample.median())
    return Found((minimiser(_HUBER, sample) - median) / (mean - median), len(sample))


_ESL = "Hastie, Tibshirani and Friedman (2009)"
_OFF = "largest deviation"

PROPERTIES = (
    Property(
        "mse-gradient-grows",
        "mse",
        "The gradient of MSE grows in proportion to the error, without bound.",
        f"{_ESL}, section 10.6",
        _OFF,
        mse_gradient_grows,
        0,
        EXACT,
    ),
    Property(
        "mse-finds-mean",
        "mse",
        "The constant with the least MSE is the mean.",
        f"{_ESL}, section 2.4",
        "distance from the mean",
        mse_finds_mean,
        0,
        SEARCHED,
    ),
    Property(
        "mae-gradient-is-constant",
        "mae",
        "The gradient of MAE has the same size for every error.",
        f"{_ESL}, section 10.6",
        _OFF,
        mae_gradient_is_constant,
        0,
        EXACT,
    ),
    Property(
        "mae-finds-median",
        "mae",
        "The constant with the least MAE is the median.",
        f"{_ESL}, section 2.4",
        "distance from the median",
        mae_finds_median,
        0,
        SEARCHED,
    ),
    Property(
        "huber-gradient-is-clipped",
        "huber",
        "Huber's gradient is that of a square up to delta and constant beyond.",
        "Huber (1964)",
        _OFF,
        huber_gradient_is_clipped,
        0,
        EXACT,
    ),
    Property(
        "huber-lies-between",
        "huber",
        "Huber's best constant lies between the median and the mean.",
        "Huber (1964)",
        "share of the way from the median to the mean",
        huber_lies_between,
        0.001,
        0.999,
    ),
)
