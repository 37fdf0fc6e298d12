"""Losses of a number: mse, mae, huber, log_cosh, pinball, mape, smape."""

from __future__ import annotations

import math
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
from lossbench.losses.log_cosh import log_cosh
from lossbench.losses.mae import absolute_error
from lossbench.losses.mape import percentage_error
from lossbench.losses.mse import squared_error
from lossbench.losses.pinball import pinball
from lossbench.losses.smape import symmetric_percentage_error

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
_LOG_COSH, _SHARE = _of_values(log_cosh, width=1.0), _of_values(percentage_error)
_SYMMETRIC = _of_values(symmetric_percentage_error)


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


@holds(
    "Log-cosh's gradient is the hyperbolic tangent of the error: linear near zero, at most 1 far away.",
    "Green (1990)",
    of="log_cosh",
)
def log_cosh_gradient_is_tanh() -> Found:
    errors = drawn(POINTS, purpose="errors")
    return largest(gradient(lambda e: _LOG_COSH(e, torch.zeros_like(e)), errors) - errors.tanh())


@holds(
    "The best constant of log-cosh lies between the median and the mean.",
    "Saleh and Saleh (2022)",
    "share of the way from the median to the mean",
    low=0.001,
    high=0.999,
    of="log_cosh",
)
def log_cosh_lies_between() -> Found:
    sample = _skewed()
    mean, median = float(sample.mean()), float(sample.median())
    return Found((minimiser(_LOG_COSH, sample) - median) / (mean - median), len(sample))


@holds(
    "The constant with the least pinball loss of a level is the quantile of that level.",
    "Koenker and Bassett (1978)",
    "largest distance from the quantile",
    high=SEARCHED,
)
def pinball_finds_quantile() -> Found:
    sample, levels = _skewed().sort().values, (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    best = [minimiser(_of_values(pinball, level=level), sample) for level in levels]
    quantiles = [float(sample[math.ceil(len(sample) * level) - 1]) for level in levels]
    return Found(max(abs(a - b) for a, b in zip(best, quantiles, strict=True)), len(sample))


@holds(
    "The constant with the least MAPE is the (-1)-median, far below mean and median.",
    "Gneiting (2011)",
    "distance from the median in which each target counts as its inverse",
    high=SEARCHED,
)
def mape_finds_minus_one_median() -> Found:
    sample = _skewed().sort().values
    below = (1 / sample).cumsum(0)
    median = float(sample[(below >= below[-1] / 2).nonzero()[0]])
    return Found(abs(minimiser(_SHARE, sample) - median), len(sample))


@holds("A forecast of nothing never costs more than 1 in MAPE.", "Hyndman and Koehler (2006)", "largest cost")
def mape_costs_one_for_nothing() -> Found:
    sample = _skewed()
    return largest(_SHARE(torch.zeros_like(sample), sample) - 1)


@holds(
    "SMAPE does not pull at a forecast where the target is 0 or has the other sign.",
    "Goodwin and Lawton (1999)",
    "largest gradient",
)
def smape_rests_beyond_zero() -> Found:
    forecasts = drawn(POINTS, purpose="errors")
    other = -forecasts.sign() * drawn(POINTS, purpose="others").abs()
    beyond = gradient(lambda f: _SYMMETRIC(f, other), forecasts)
    return largest(torch.cat([beyond, gradient(lambda f: _SYMMETRIC(f, other * 0), forecasts)]))
