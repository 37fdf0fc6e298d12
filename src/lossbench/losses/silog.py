"""The scale-invariant error of logarithms, over the places of one example."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.losses.heads import ValueLoss
from lossbench.losses.reduction import for_each
from lossbench.losses.targets import check_same
from lossbench.task import WEIGHT, Target, TargetKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from lossbench.losses.loss import Knob

# Of the target: an output below such a share of it, which may be negative, has no logarithm that trains well.
LEAST = 0.1


def log_ratio(output: Tensor, target: Tensor) -> Tensor:
    """log(output / target), and below a tenth of the target its tangent, which goes on below 0.

    So outputs of any sign have a value and a gradient, the same at every scale of both. A net begins near the
    middle of its targets and comes below a tenth seldom.

    Args:
        output, target: (...); targets are above 0, and what is not gives 0.
    """
    there = target > 0
    ratio = output / target.where(there, 1)
    tangent = ratio / LEAST - 1 + math.log(LEAST)
    return ratio.clamp(min=LEAST).log().where(ratio > LEAST, tangent) * there


def scale_invariant_error(
    output: Tensor, target: Tensor, *, invariance: Knob, weight: Tensor | None = None
) -> Tensor:
    """Squared error of the logarithm, less a part of what all places of an example have in common.

        d_p = log(output_p / target_p),  m = the mean of d over the places p of an example
        L_p = d_p^2 - invariance * m d_p

    The mean of L over the places is Eigen's 1/n sum d_p^2 - invariance (1/n sum d_p)^2: at 1 the variance of
    d, in which a factor on all outputs of an example costs nothing. Means are weighted where places have
    weights.

    Args:
        output, target: float (N, *places, K), the target above 0; the K numbers of a place are places, too.
        invariance: lambda, 0 to 1; a tensor of no dimension may stand for it.
        weight: (N,) or (N, *places).

    Returns:
        (N, *places).

    Raises:
        ValueError: the shapes do not fit.

    Source:
        Eigen, Puhrsch, Fergus, "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network",
        NIPS 2014 (arXiv 1406.2283), section 3.2, equation 4, with lambda = 0.5; there the net gives
        logarithms, as here with data whose losses see the logarithm (`log_target`).
    """
    check_same(output, target)
    apart = log_ratio(output, target)
    counts = apart.new_ones(()).expand(apart.shape) if weight is None else for_each(weight, apart)
    counts = counts.to(apart.dtype)
    total = counts.flatten(1).sum(1)
    common = (apart.where(counts > 0, 0) * counts).flatten(1).sum(1) / total.where(total > 0, 1)
    common = common.reshape(-1, *[1] * (apart.ndim - 1))
    return (apart.square() - invariance * common * apart).mean(-1)


@dataclass(frozen=True, kw_only=True)
class SILog(ValueLoss):
    """The scale-invariant error of logarithms on values at places, as the depths of an image; all above 0.

    In the task's own units, whose ratios it compares.

    invariance: lambda, 0 to 1. At 0 it is the squared error of logarithms. At 1 nothing says how large the
        outputs of an image are on the whole, of which Eigen's 0.5 leaves half. Not searched: it says what is
        learned.
    """

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("continuous",)
    also: ClassVar[tuple[str, ...]] = (WEIGHT,)
    own_units: ClassVar[bool] = True
    undefined: ClassVar[str] = "0 or less"
    name: str = "silog"
    invariance: float = knob(0.5, at_least=0, at_most=1)

    def chosen_target(self, offered: Sequence[Target]) -> Target | None:
        """Of values at places: what a single number has in common is the number itself."""
        return super().chosen_target([target for target in offered if target.shape])

    def elicits(self, target: Target) -> str:
        return "geometric mean, up to a factor" if self.invariance == 1 else "geometric mean"

    def idle(self, target: Tensor) -> Tensor:
        """Those that have no logarithm."""
        return target <= 0

    def __call__(self, output: Tensor, target: dict[str, Any], kind: Target) -> Tensor:
        read = self.compared(output, target[kind.kind], kind)
        return scale_invariant_error(*read, invariance=self.invariance, weight=target.get(WEIGHT))
