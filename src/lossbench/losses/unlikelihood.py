"""Cross-entropy of next tokens, and a price on saying again what was just said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.heads import SoftmaxLoss
from lossbench.losses.targets import check_classes, one_hot
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from lossbench.losses.loss import Knob

_LEAST = 1e-5  # that is left of 1 - p, as in the authors' code


def token_unlikelihood(output: Tensor, target: Tensor, *, alpha: Knob = 1.0) -> Tensor:
    """Cross-entropy, and the unlikelihood of the tokens that stood before in the window.

        L_t = -log p_t(y_t) - alpha sum over c in C_t of log(1 - p_t(c)),  p_t = softmax(output_t)
        C_t = {y_1, ..., y_(t-1)} without y_t: each token counts once, and the right one never

    1 - p counts as 1e-5 where it is less, as in the authors' code. Tokens behind the end of a text (0) stand
    behind all others, so they are in nobody's C_t that counts.

    Args:
        output: float (..., T, V), logits at each of T places.
        target: int (..., T), the next token, 0 .. V-1.
        alpha: what it costs, 0 or more; 0 is cross-entropy; a tensor of no dimension may stand for it.

    Returns:
        (..., T), one value per place.

    Raises:
        ValueError: the shapes do not fit, there are no places, or the target is not of a whole-number type.

    Source:
        Welleck, Kulikov, Roller, Dinan, Cho, Weston, "Neural Text Generation With Unlikelihood Training"
        (ICLR 2020), section 5.1 (token-level, the previous context as negatives).
    """
    check_classes(output, target)
    if target.ndim == 0:
        raise ValueError("unlikelihood needs places, of which each has those before it: target is one class")
    own = one_hot(target, output)
    before = own.cumsum(-2) - own  # how often each token stood before
    negative = (before > 0) & (own == 0)
    probability = output.softmax(-1).clamp(max=1 - _LEAST)
    unlikely = -((-probability).log1p() * negative).sum(-1)
    return categorical_cross_entropy(output, target) + alpha * unlikely


@dataclass(frozen=True, kw_only=True)
class Unlikelihood(SoftmaxLoss):
    """Unlikelihood training of next tokens, at the places of a window.

    alpha: what it costs to say again what stands before, 0 or more; 0 is cce. Searched a decade about 1: the
        paper's value, where both terms count alike.
    """

    name: str = "unlikelihood"
    trains_on = ("multiclass",)
    alpha: float = knob(1.0, at_least=0, search=log(0.1, 10))

    def chosen_target(self, offered: Sequence[Target]) -> Target | None:
        """Classes at places that stand one after another."""
        return super().chosen_target([one for one in offered if len(one.shape) == 1])

    def elicits(self, target: Target) -> str:
        return "probabilities, less of what stood before" if self.alpha else "probabilities"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return token_unlikelihood(output, target, alpha=self.alpha)

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """Logits, and their softmax: less than the true probability of what stands before, as is meant."""
        return super().predict(output, kind)
