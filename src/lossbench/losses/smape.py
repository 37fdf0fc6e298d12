"""Symmetric mean absolute percentage error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.heads import ShareLoss
from lossbench.losses.targets import check_same
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


def symmetric_percentage_error(output: Tensor, target: Tensor) -> Tensor:
    """Absolute error as a share of the mean size of forecast and target; the mean over an example's outputs.

        L = 1/K sum_k 2 |output_k - target_k| / (|output_k| + |target_k|);  0 where both are 0

    It lies between 0 and 2, and is not symmetric: of equal errors one below the target costs more, for the
    forecast stands below the line, too. Its minimiser lies about the median: at it on a log-normal target,
    which is symmetric in its logarithm, above it on an exponential one (0.79 of the mean, the median 0.69).
    At a target of 0, and at a forecast of the other sign, it is 2 whatever the forecast: there is no
    gradient, and such a forecast never comes back.

    Args:
        output: float (..., K).
        target: float (..., K), the value in units in which 0 is nothing: shifted it would mean nothing.

    Returns:
        (...), one value per example, 0 to 2.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Makridakis, "Accuracy Measures: Theoretical and Practical Concerns", International Journal of
        Forecasting 9 (1993); Goodwin, Lawton, "On the Asymmetry of the Symmetric MAPE", the same journal, 15
        (1999).
    """
    check_same(output, target)
    size = output.abs() + target.abs()
    there = size != 0
    return (2 * (output - target).abs() / size.where(there, size.new_ones(())) * there).mean(-1)


@dataclass(frozen=True, kw_only=True)
class SMAPE(ShareLoss):
    """Symmetric mean absolute percentage error on a value; a warning, more than an advice.

    It pulls ever less at a forecast that is far too large, and not at all where the target is 0 or the
    forecast has the other sign: what has gone astray stays there. The M3 and M4 competitions judged by it.
    """

    name: str = "smape"

    def elicits(self, target: Target) -> str:
        return "about the median"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return symmetric_percentage_error(*self.compared(output, target, kind))
