"""The logarithm of the hyperbolic cosine: a square for small errors, a line for large ones, smooth."""

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


def log_cosh(output: Tensor, target: Tensor, *, width: Knob = 1.0) -> Tensor:
    """width * log(cosh(error / width)), the mean over the outputs of an example.

        L = 1/K sum_k w log cosh((output_k - target_k) / w)

    Near zero it is e^2 / (2 w), far away |e| - w log 2. Its gradient is tanh(e / w), so no example pulls by
    more than 1, and its minimiser lies between the conditional mean (w large) and median (w small).

    Args:
        output: float (..., K).
        target: float (..., K): the value, or a one-hot row of the class (raw scores, or their softmax).
        width: w, the error at which the square has become a line, above 0, in units of the target; a tensor
            of no dimension may stand for it.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Green, "Bayesian Reconstructions from Emission Tomography Data Using a Modified EM Algorithm", IEEE
        Transactions on Medical Imaging 9 (1990); Saleh, Saleh, "Statistical Properties of the Log-Cosh Loss
        Function Used in Machine Learning" (2022, arXiv 2208.04564).
    """
    check_same(output, target)
    error = (output - target).abs() / width
    # log cosh e = e + log((1 + exp(-2e)) / 2): never overflows, and exactly 0 at 0.
    return (width * (error + ((-2 * error).expm1() / 2).log1p())).mean(-1)


@dataclass(frozen=True, kw_only=True)
class LogCosh(ValueLoss):
    """Log-cosh on a value, or on raw scores against one-hot rows.

    width: the error at which the square has become a line, in units of the scaled target; above 0. Searched
        where delta of huber is, for it stands in its place.
    """

    name: str = "log_cosh"
    width: float = knob(1.0, above=0, search=log(0.05, 20))

    def elicits(self, target: Target) -> str:
        return "between mean and median" if target.kind in NUMBERS else ""

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return log_cosh(*self.compared(output, target, kind), width=self.width)
