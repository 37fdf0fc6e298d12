"""Mean absolute percentage error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.heads import ShareLoss
from lossbench.losses.targets import check_same
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


def percentage_error(output: Tensor, target: Tensor) -> Tensor:
    """Absolute error as a share of the target, the mean over the outputs of an example.

        L = 1/K sum_k |output_k - target_k| / |target_k|;  0 where target_k = 0

    It under-forecasts: an error above a small target is a large share, one below it never more than 1. Its
    minimiser is the (-1)-median, the median of the density that is proportional to p(y) / y: on a log-normal
    target with sigma 1 it is 0.223 of the mean, where the median is 0.607 of it. At a target of 0 it is
    undefined: here such a number costs nothing, whatever is predicted, and trains nothing.

    Args:
        output: float (..., K).
        target: float (..., K), the value in units in which 0 is nothing: shifted it would mean nothing.

    Returns:
        (...), one value per example, a share (times 100 it is per cent).

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Gneiting, "Making and Evaluating Point Forecasts", JASA 106 (2011), which names the (-1)-median;
        Hyndman, Koehler, "Another Look at Measures of Forecast Accuracy", International Journal of
        Forecasting 22 (2006), section 2.2, on its faults.
    """
    check_same(output, target)
    there = target != 0
    size = target.abs().where(there, target.new_ones(()))  # none is 0, so that no gradient is nan
    return (((output - target).abs() / size) * there).mean(-1)


@dataclass(frozen=True, kw_only=True)
class MAPE(ShareLoss):
    """Mean absolute percentage error on a value; a warning, more than an advice.

    It under-forecasts the more the target varies, and is undefined at a target of 0, which trains nothing
    here. Who wants errors in shares on targets above 0 has another way: mae with `data.log_target`.
    """

    name: str = "mape"

    def elicits(self, target: Target) -> str:
        return "(-1)-median"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return percentage_error(*self.compared(output, target, kind))
