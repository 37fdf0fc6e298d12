"""Kullback-Leibler divergence from the target's distribution to the model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import linear
from lossbench.losses.heads import mean_of_support
from lossbench.losses.loss import Loss
from lossbench.losses.targets import check_same, one_hot
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from torch import Tensor


def kl_divergence(output: Tensor, target: Tensor) -> Tensor:
    """KL(target || model): the target's distribution stands first, so the model must cover all of it.

        L = sum_c t_c log(t_c / p_c),  p = softmax(output),  0 log 0 = 0

    It is the cross-entropy less the target's own entropy: zero only for equal distributions, and not
    symmetric. Rounding may bring it below zero by 1e-6.

    Args:
        output: float (..., C), logits.
        target: float (..., C), non-negative, sums to 1 (not checked, since that would read the data).

    Returns:
        (...), one value per example, in nats.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Kullback, Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22 (1951),
        section 2; Cover, Thomas, "Elements of Information Theory" (2nd ed., 2006), section 2.3.
    """
    check_same(output, target)
    return (target.xlogy(target) - target * output.log_softmax(-1)).sum(-1)


@dataclass(frozen=True, kw_only=True)
class KL(Loss):
    """KL(target || softmax of the outputs).

    distribution: as it is given. multiclass and identity: the smoothed distribution of the label; with
    label_smoothing 0 it equals cce.

    label_smoothing: share of a label spread evenly over all classes, in [0, 1); not applied to a
        distribution, which people have smoothed already. Searched from none to 0.3; of more no gain is known
        (Mueller, Kornblith and Hinton, NeurIPS 2019, use 0.1).
    """

    name: str = "kl"
    trains_on = ("distribution", "multiclass", "identity")
    label_smoothing: float = knob(0.1, at_least=0, below=1, search=linear(0, 0.3))

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One a class or bin."""
        return target.size

    def elicits(self, target: Target) -> str:
        if target.kind == "distribution":
            return "mean of the distribution"
        return "smoothed probabilities" if self.label_smoothing else "probabilities"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        if kind.kind == "distribution":
            return kl_divergence(output, target)
        return kl_divergence(output, one_hot(target, output, label_smoothing=self.label_smoothing))

    def gives(self, target: Target) -> tuple[str, ...]:
        return ("value",) if target.kind == "distribution" else ("scores", "probabilities")

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """Classes: logits and their softmax. A distribution: its mean, in the units of `Target.support`."""
        probabilities = output.softmax(-1)
        if kind.kind == "distribution":
            return Prediction(value=mean_of_support(probabilities, kind))
        return Prediction(scores=output, probabilities=probabilities)
