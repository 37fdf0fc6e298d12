"""Mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.heads import ValueLoss
from lossbench.losses.targets import check_same
from lossbench.task import NUMBERS, Target

if TYPE_CHECKING:
    from torch import Tensor


def absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """Absolute error, the mean over the outputs of an example.

        L = 1/K sum_k |output_k - target_k|

    Its gradient has the same size for every error (zero at zero), and its minimiser is the conditional
    median.

    Args:
        output: float (..., K).
        target: float (..., K): the value, or a one-hot row of the class (raw scores, or their softmax).

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning" (2nd ed., 2009), section 2.4
        (the L1 loss and the median) and section 10.6 (robustness).
    """
    check_same(output, target)
    return (output - target).abs().mean(-1)


@dataclass(frozen=True, kw_only=True)
class MAE(ValueLoss):
    """Absolute error on a value, or on raw scores against one-hot rows."""

    name: str = "mae"

    def elicits(self, target: Target) -> str:
        return "median" if target.kind in NUMBERS else "likeliest class"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return absolute_error(*self.compared(output, target, kind))
