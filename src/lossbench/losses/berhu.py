"""Huber's loss the other way round: a line for small errors, a square for large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.heads import ValueLoss
from lossbench.losses.reduction import for_each
from lossbench.losses.targets import check_same
from lossbench.task import WEIGHT, Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def reverse_huber(output: Tensor, target: Tensor, *, share: Knob, weight: Tensor | None = None) -> Tensor:
    """The reverse Huber loss (berHu), the mean over the outputs of an example.

        L = 1/K sum_k b(output_k - target_k),  c = share * the largest |e| of the batch
        b(e) = |e|                     where |e| <= c
               (e^2 + c^2) / (2 c)     elsewhere

    Small errors pull as those of the absolute error, large ones by |e| / c; the pieces meet with one slope.
    In the gradient c is a constant.

    Args:
        output, target: float (N, ..., K).
        share: of the largest error, above 0 and at most 1, which is the absolute error; a tensor of no
            dimension may stand for it.
        weight: (N,) or (N, ...); what weighs 0 is no largest error.

    Returns:
        (N, ...), one value per example, which depends on the others through c.

    Raises:
        ValueError: the shapes do not fit.

    Source:
        Laina, Rupprecht, Belagiannis, Tombari, Navab, "Deeper Depth Prediction with Fully Convolutional
        Residual Networks", 3DV 2016 (arXiv 1606.00373), section 3.2: c is a fifth of the largest error over
        all pixels of all images of the batch. The loss is of Owen (2007), "A robust hybrid of lasso and ridge
        regression".
    """
    check_same(output, target)
    error = (output - target).abs()
    counted = error.detach()
    if weight is not None:
        counted = counted * (for_each(weight, counted) > 0)
    bend = (share * counted.max()).clamp(min=1e-12)  # above 0, where all outputs are exact
    return error.where(error <= bend, (error.square() + bend.square()) / (2 * bend)).mean(-1)


@dataclass(frozen=True, kw_only=True)
class BerHu(ValueLoss):
    """The reverse Huber loss on a value, as of a depth.

    share: of the largest error in the batch, from which on errors are squared; above 0, at most 1. Searched
        from 0.05, where most errors are, to 1, which is mae.
    """

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("continuous",)
    also: ClassVar[tuple[str, ...]] = (WEIGHT,)
    batchwise: ClassVar[bool] = True
    name: str = "berhu"
    share: float = knob(0.2, above=0, at_most=1, search=log(0.05, 1))

    def elicits(self, target: Target) -> str:
        return "between mean and median"

    def __call__(self, output: Tensor, target: dict[str, Any], kind: Target) -> Tensor:
        read = self.compared(output, target[kind.kind], kind)
        return reverse_huber(*read, share=self.share, weight=target.get(WEIGHT))
