"""Huber's loss: a square for small errors, a line for large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.heads import ValueLoss
from lossbench.losses.targets import check_same
from lossbench.task import NUMBERS, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def huber(output: Tensor, target: Tensor, *, delta: Knob) -> Tensor:
    """Huber's loss, the mean over the outputs of an example.

        L = 1/K sum_k h(output_k - target_k)
        h(e) = e^2 / 2                      where |e| <= delta
               delta (|e| - delta / 2)      elsewhere

    Smooth L1 with `beta` (Girshick, "Fast R-CNN", ICCV 2015) is this with that delta, divided by it, so that
    its gradient ends at 1 whatever beta is. As delta falls to 0 this falls to 0 with it, where smooth L1
    becomes the absolute error; under Adam, or with a learning rate of its own, the factor is of no account.

    Args:
        output: float (..., K).
        target: float (..., K): the value, or a one-hot row of the class (raw scores, or their softmax).
        delta: the error where the square becomes a line, above 0, in units of the target; a tensor of no
            dimension may stand for it.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964);
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning" (2nd ed., 2009), section 10.6.
    """
    check_same(output, target)
    error = (output - target).abs()
    inside = error.clamp(max=delta)
    return (inside * (error - 0.5 * inside)).mean(-1)


@dataclass(frozen=True, kw_only=True)
class Huber(ValueLoss):
    """Huber's loss on a value, or on raw scores against one-hot rows.

    delta: where the square becomes a line, in units of the scaled target; above 0. Searched from 0.05,
        which is mae but for the smallest errors, to 20, which is mse but for the farthest outliers: it counts
        in units of a target that data scale to a spread of 1, and noise may be any part of that.
    """

    name: str = "huber"
    delta: float = knob(1.0, above=0, search=log(0.05, 20))

    def elicits(self, target: Target) -> str:
        return "between mean and median" if target.kind in NUMBERS else ""

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return huber(*self.compared(output, target, kind), delta=self.delta)
