"""Pinball loss: what elicits a quantile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.losses.heads import ValueLoss
from lossbench.losses.targets import check_same
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def pinball(output: Tensor, target: Tensor, *, level: Knob) -> Tensor:
    """Pinball (quantile) loss, the mean over the outputs of an example.

        L = 1/K sum_k rho(target_k - output_k),  rho(e) = max(q e, (q - 1) e)

    An error below the target costs q a unit, one above it 1 - q: its minimiser is the conditional q-quantile.
    At q = 1/2 it is half of the absolute error.

    Args:
        output: float (..., K).
        target: float (..., K), the value.
        level: q, above 0 and below 1; a tensor of no dimension may stand for it.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Koenker, Bassett, "Regression Quantiles", Econometrica 46 (1978).
    """
    check_same(output, target)
    error = target - output
    # Not the maximum of both lines, whose gradient at zero would be that of one of them.
    return (level * error.clamp(min=0) - (1 - level) * error.clamp(max=0)).mean(-1)


@dataclass(frozen=True, kw_only=True)
class Pinball(ValueLoss):
    """Pinball loss on a value.

    level: the quantile that it elicits, above 0 and below 1. Not searched: it says what is predicted, not how
        well.
    """

    trains_on = ("continuous",)
    name: str = "pinball"
    level: float = knob(0.5, above=0, below=1)

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return pinball(*self.compared(output, target, kind), level=self.level)
