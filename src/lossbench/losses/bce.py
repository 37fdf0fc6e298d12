"""Binary cross-entropy: one logit for two classes, or one class against the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.heads import two_classes
from lossbench.losses.loss import Loss
from lossbench.losses.targets import check_classes, check_logits, one_hot
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from torch import Tensor


def binary_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of one logit.

        L = -log p  where target is 1,  -log(1 - p)  where it is 0,  with p = sigmoid(output)
          = log(1 + exp(-s output))  with s = 2 target - 1

    Args:
        output: float (...), the logit.
        target: int (...), 0 or 1.

    Returns:
        (...), one value per logit.

    Raises:
        ValueError: the shapes differ, or the target is not of a whole-number type.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.2.
    """
    check_logits(output, target)
    return _softplus(output * (1 - 2 * target).to(output.dtype))


def one_against_the_rest(output: Tensor, target: Tensor) -> Tensor:
    """The mean over the classes of the binary cross-entropy of "is it this class?".

        L = 1/C sum_c binary_cross_entropy(output_c, [target = c])

    Args:
        output: float (..., C), one logit a class.
        target: int (...), the class, 0 .. C-1.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.

    Source:
        Rifkin, Klautau, "In Defense of One-Vs-All Classification", JMLR 5 (2004), section 2.
    """
    check_classes(output, target)
    return _softplus(output * (1 - 2 * one_hot(target, output))).mean(-1)


def _softplus(wrong: Tensor) -> Tensor:
    """log(1 + exp(wrong)), exact for large and small arguments."""
    return wrong.logaddexp(wrong.new_zeros(()))


@dataclass(frozen=True, kw_only=True)
class BCE(Loss):
    """Binary cross-entropy; no knobs.

    binary: one logit. multiclass and identity: one class against the rest, the mean over the classes.
    """

    name: str = "bce"
    trains_on = ("binary", "multiclass", "identity")

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One logit for two classes; one a class for more."""
        return 1 if target.kind == "binary" else target.size

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        if kind.kind == "binary":
            return binary_cross_entropy(output.squeeze(-1), target)
        return one_against_the_rest(output, target)

    def gives(self, target: Target) -> tuple[str, ...]:
        return ("scores", "probabilities") if target.kind == "binary" else ("scores",)

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """Scores, and for two classes their probabilities.

        One against the rest gives every class a probability of its own; they do not sum to 1, so none are
        claimed.
        """
        if kind.kind != "binary":
            return Prediction(scores=output)
        scores = two_classes(output)
        return Prediction(scores=scores, probabilities=scores.softmax(-1))
