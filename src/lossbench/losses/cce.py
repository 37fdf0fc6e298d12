"""Categorical cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.config.search import linear
from lossbench.losses.heads import SoftmaxLoss
from lossbench.losses.nearness import all_items
from lossbench.losses.targets import check_classes, one_hot
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from lossbench.losses.loss import Knob

ON_CLICKS = ("user", "item", "items")


def categorical_cross_entropy(output: Tensor, target: Tensor, *, label_smoothing: Knob = 0.0) -> Tensor:
    """Cross-entropy of the softmax of the outputs.

        L = - sum_c t_c log p_c,  p = softmax(output),  t_c = (1 - s) [c = target] + s / C

    With s = 0 it is -log p_target: it depends on the probability of the right class alone.

    Args:
        output: float (..., C), logits.
        target: int (...), the class, 0 .. C-1.
        label_smoothing: s in [0, 1); a tensor of no dimension may stand for it.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4; label smoothing: Szegedy
        et al., "Rethinking the Inception Architecture for Computer Vision" (CVPR 2016), section 7.
    """
    check_classes(output, target)
    return -(one_hot(target, output, label_smoothing=label_smoothing) * output.log_softmax(-1)).sum(-1)


def over_all_items(output: Mapping[str, Tensor], *, label_smoothing: Knob = 0.0) -> Tensor:
    """The same of the products of users with all items, of which no more than these is ever held.

        L = log sum_j exp(u . v_j) - (1 - s) u . v_i - s u . mean(v)

    Args:
        output: `user` and `item` (N, E), who took what; `items` (1, items, E), all of them.
        label_smoothing: s, as above.

    Returns:
        (N,), one value for each click.
    """
    user, item, items = (output[name] for name in ON_CLICKS)
    scores = all_items(user, items, "dot")
    aim = (1 - label_smoothing) * item + label_smoothing * items[0].mean(0)
    return scores.logsumexp(-1) - (user * aim).sum(-1)


@dataclass(frozen=True, kw_only=True)
class CCE(SoftmaxLoss):
    """Categorical cross-entropy. Two classes have two outputs; identities are the training people. item: the
    softmax over all items of their products with a user, of which each step takes time and memory.

    label_smoothing: share of the target spread evenly over all classes, in [0, 1). Searched where that of
        kl is: they are one loss then, and get one chance.
    """

    trains_on = (*SoftmaxLoss.trains_on, "item")
    name: str = "cce"
    label_smoothing: float = knob(0.0, at_least=0, below=1, search=linear(0, 0.3))

    def elicits(self, target: Target) -> str:
        return "smoothed probabilities" if self.label_smoothing else "probabilities"

    def needs_for(self, target: Target) -> tuple[str, ...]:
        return ON_CLICKS if target.kind == "item" else ()

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One a class; of items the length of their vectors."""
        return embedding_size if target.kind == "item" else super().outputs(target, embedding_size)

    def gives(self, target: Target) -> tuple[str, ...]:
        return () if target.kind == "item" else super().gives(target)

    def predict(self, output: Any, kind: Target) -> Prediction:
        """Logits and their softmax; of items nothing of its own."""
        return Prediction() if kind.kind == "item" else super().predict(output, kind)

    def __call__(self, output: Any, target: Tensor, kind: Target) -> Tensor:
        if kind.kind == "item":
            return over_all_items(output, label_smoothing=self.label_smoothing)
        return categorical_cross_entropy(output, target, label_smoothing=self.label_smoothing)
