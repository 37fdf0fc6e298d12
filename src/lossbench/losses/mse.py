"""Mean squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.heads import ValueLoss
from lossbench.losses.targets import check_same
from lossbench.task import NUMBERS, Target

if TYPE_CHECKING:
    from torch import Tensor


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared error, the mean over the outputs of an example.

        L = 1/K sum_k (output_k - target_k)^2

    Its gradient grows with the error, and its minimiser is the conditional mean.

    Args:
        output: float (..., K).
        target: float (..., K): the value, or a one-hot row of the class (raw scores, or their softmax).

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning" (2nd ed., 2009), section 2.4;
        on one-hot rows, section 4.2.
    """
    check_same(output, target)
    return (output - target).square().mean(-1)


@dataclass(frozen=True, kw_only=True)
class MSE(ValueLoss):
    """Squared error on a value, or on raw scores against one-hot rows."""

    name: str = "mse"

    def elicits(self, target: Target) -> str:
        return "mean" if target.kind in NUMBERS else "probabilities"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return squared_error(*self.compared(output, target, kind))
