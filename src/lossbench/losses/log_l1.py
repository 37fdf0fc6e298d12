"""The logarithm of the absolute error: far errors pull ever less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.heads import ValueLoss
from lossbench.losses.targets import check_same
from lossbench.task import Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def log_absolute_error(output: Tensor, target: Tensor, *, alpha: Knob) -> Tensor:
    """Logarithm of the absolute error and alpha, the mean over the outputs of an example.

        L = 1/K sum_k log(|output_k - target_k| + alpha) - log(alpha)

    The constant, which the source does not subtract, makes an exact output cost 0. The gradient is
    1 / (|e| + alpha): of small errors nearly the same, as of the absolute error, of large ones, such as those
    at the border of two objects, ever less. It is not convex: of two groups of targets it may learn the
    larger and leave the other.

    Args:
        output, target: float (..., K).
        alpha: above 0, in units of the target; the error that pulls half as much as a small one. A tensor of
            no dimension may stand for it.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Hu, Ozay, Zhang, Okatani, "Revisiting Single Image Depth Estimation: Toward Higher Resolution Maps
        with Accurate Object Boundaries", WACV 2019 (arXiv 1803.08673), section 3.2, l_depth with alpha = 0.5;
        their further terms, on gradients and normals, are not here.
    """
    check_same(output, target)
    return ((output - target).abs() / alpha).log1p().mean(-1)


@dataclass(frozen=True, kw_only=True)
class LogL1(ValueLoss):
    """Logarithm of the absolute error on a value, as of a depth.

    alpha: the error, in units of the scaled target, that pulls half as much as a small one; above 0. Searched
        where delta of huber is: where it is large, this is mae.
    """

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("continuous",)
    name: str = "log_l1"
    alpha: float = knob(0.5, above=0, search=log(0.05, 20))

    def elicits(self, target: Target) -> str:
        return "between median and mode"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return log_absolute_error(*self.compared(output, target, kind), alpha=self.alpha)
