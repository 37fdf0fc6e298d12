"""Hinge loss: zero once the right class wins by the margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.config.search import among, log
from lossbench.losses.clicks import READ, pairs
from lossbench.losses.heads import two_classes
from lossbench.losses.loss import Loss
from lossbench.losses.targets import check_classes, check_logits, one_hot
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def hinge(output: Tensor, target: Tensor, *, margin: Knob = 1.0, squared: bool = False) -> Tensor:
    """Hinge loss of one score.

        L = max(0, margin - s output)  with s = 2 target - 1;  its square where `squared`

    Args:
        output: float (...), the score.
        target: int (...), 0 or 1; the textbook's -1 and +1.
        margin: above 0; a tensor of no dimension may stand for it.
        squared: the squared hinge.

    Returns:
        (...), one value per score.

    Raises:
        ValueError: the shapes differ, or the target is not of a whole-number type.

    Source:
        Cortes, Vapnik, "Support-Vector Networks", Machine Learning 20 (1995), section 3;
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning" (2nd ed., 2009), section 12.3.2.
    """
    check_logits(output, target)
    short = (margin - output * (2 * target - 1).to(output.dtype)).clamp(min=0)
    return short.square() if squared else short


def multiclass_hinge(output: Tensor, target: Tensor, *, margin: Knob = 1.0, squared: bool = False) -> Tensor:
    """Multiclass hinge loss of Crammer and Singer: the right class against the best of the others.

        L = max(0, margin + max_{c != target} output_c - output_target);  its square where `squared`

    Args:
        output: float (..., C), one score a class.
        target: int (...), the class, 0 .. C-1.
        margin: above 0; a tensor of no dimension may stand for it.
        squared: the square of the loss.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.

    Source:
        Crammer, Singer, "On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines",
        JMLR 2 (2001), section 3.
    """
    check_classes(output, target)
    right = one_hot(target, output)
    score = (output * right).sum(-1, keepdim=True)
    # The right class itself stands in the maximum with 0, which is the other branch of max(0, ...).
    short = (output - score + margin * (1 - right)).amax(-1)
    return short.square() if squared else short


@dataclass(frozen=True, kw_only=True)
class Hinge(Loss):
    """Hinge loss. binary: one score. multiclass and identity: Crammer and Singer's, one score a class. item:
    whether a user took an item, the mean over what he took and all that was drawn for him.

    margin: by how much the right class must win, above 0. Searched over two decades about the textbook's 1:
        it sets the size of the scores, against which initial weights and learning rate are large or small.
    squared: the square of it, which is smooth at the margin. Both are searched: both are called hinge.
    """

    name: str = "hinge"
    trains_on = ("binary", "multiclass", "identity", "item")
    margin: float = knob(1.0, above=0, search=log(0.1, 10))
    squared: bool = knob(False, search=among(False, True))

    def needs_for(self, target: Target) -> tuple[str, ...]:
        return READ if target.kind == "item" else ()

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One score for two classes; one a class for more; of items the length of their vectors."""
        if target.kind == "item":
            return embedding_size
        return 1 if target.kind == "binary" else target.size

    def elicits(self, target: Target) -> str:
        return "likeliest class"

    def __call__(self, output: Any, target: Tensor, kind: Target) -> Tensor:
        if kind.kind == "item":
            return hinge(*pairs(output), margin=self.margin, squared=self.squared).mean(-1)
        if kind.kind == "binary":
            return hinge(output.squeeze(-1), target, margin=self.margin, squared=self.squared)
        return multiclass_hinge(output, target, margin=self.margin, squared=self.squared)

    def gives(self, target: Target) -> tuple[str, ...]:
        return () if target.kind == "item" else ("scores",)

    def predict(self, output: Any, kind: Target) -> Prediction:
        """Scores; a hinge defines no probabilities."""
        if kind.kind == "item":
            return Prediction()
        return Prediction(scores=two_classes(output) if kind.kind == "binary" else output)
