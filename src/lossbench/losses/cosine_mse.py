"""Squared error of the cosine of two embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.config.search import among
from lossbench.losses.heads import RelationLoss
from lossbench.losses.relations import NEEDS, PAIRS, on_sphere
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.relations import Relations


def cosine_mse(relations: Relations, *, pairs: str = "balanced") -> Tensor:
    """The squared error of cosines, which are to be 1 of what belongs together and 0 of what does not.

        l_ij = (1 - cos_ij)^2 over same j, cos_ij^2 over different j

    Args:
        relations: with embeddings on the unit sphere.
        pairs: the mean over all candidates of an anchor, or half the mean over either side ("balanced").

    Returns:
        (A,), one value for each anchor.

    Source:
        Reimers, Gurevych, "Sentence-BERT" (EMNLP 2019), section 3, the regression objective; with labels of
        0 and 1 sentence-transformers' CosineSimilarityLoss.
    """
    near = relations.products()
    same, different = (mask.to(near.dtype) for mask in (relations.same, relations.different))
    pull, push = ((1 - near).square() * same).sum(-1), (near.square() * different).sum(-1)
    return relations.mean(pull, push, pairs)


@dataclass(frozen=True, kw_only=True)
class CosineMSE(RelationLoss):
    """Squared error of cosines on pairs, identities and clicks, and on scores of pairs.

    A score is as high as a cosine is: the lowest of the file stands at 0, the highest at 1.

    pairs: "balanced" between what belongs together and what does not, or the "mean" over all candidates,
        where the latter outnumber the former. Both are searched. Of scores there is one pair a row.
    """

    name: str = "cosine_mse"
    trains_on = ("hard_pair", "pair", "score", "identity", "item")
    pairs: str = knob("balanced", choices=PAIRS, search=among(*PAIRS))

    def needs_for(self, target: Target) -> tuple[str, ...]:
        return NEEDS["pair"] if target.kind == "score" else super().needs_for(target)

    def gives(self, target: Target) -> tuple[str, ...]:
        return ("value",) if target.kind == "score" else super().gives(target)

    def __call__(self, output: Any, target: Any, kind: Target) -> Tensor:
        if kind.kind != "score":
            return super().__call__(output, target, kind)
        low, high = kind.support
        values: Tensor = (_cosine(output) - (target - low) / (high - low)).square()
        return values

    def between(self, relations: Relations) -> Tensor:
        return cosine_mse(relations, pairs=self.pairs)

    def predict(self, output: Any, kind: Target) -> Prediction:
        """The embeddings; of scores the one at which the cosine stands."""
        if kind.kind != "score":
            return super().predict(output, kind)
        low, high = kind.support
        return Prediction(value=_cosine(output).double() * (high - low) + low)


def _cosine(output: Any) -> Tensor:
    """Of embeddings (..., N, E) by name: (..., N)."""
    left, right = (on_sphere(output[side]) for side in NEEDS["pair"])
    return (left * right).sum(-1)
