"""Contrastive loss on the pairs of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import among, log
from lossbench.losses.heads import EmbeddingLoss
from lossbench.losses.relations import PAIRS, of_identities

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob
    from lossbench.losses.relations import Relations


def contrastive(
    output: Tensor, target: Tensor, *, margin: Knob = 2.0, pairs: str = "mean", normalize: bool = False
) -> Tensor:
    """Contrastive loss of each anchor with all other examples of the batch.

        l_ij = D_ij^2 / 2                    where target_i = target_j
               max(0, margin - D_ij)^2 / 2   elsewhere,   D_ij = ||output_i - output_j||
        L_i  = mean of l_ij over j != i                                            pairs = "mean"
               half the mean over equal j plus half the mean over different j      pairs = "balanced"

    An empty mean is 0, so a batch of one example or one identity is finite. The mean over the batch is
    the mean over all pairs ("mean"), where different pairs outnumber equal ones by about the number of
    identities; "balanced" gives both sides one voice.

    Args:
        output: float (N, E), embeddings.
        target: int (N,), identities.
        margin: the distance beyond which different identities no longer repel, above 0; a tensor of no
            dimension may stand for it. On the unit sphere distances end at 2.
        pairs: "mean" or "balanced".
        normalize: put embeddings on the unit sphere first.

    Returns:
        (N,), one value per anchor.

    Raises:
        ValueError: the shapes do not fit, the target is not of a whole-number type, or `pairs` is unknown.

    Source:
        Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping" (CVPR 2006),
        section 2.1; embeddings are not normalised there.
    """
    if pairs not in PAIRS:
        raise ValueError(f"pairs must be one of {PAIRS}; got {pairs!r}")
    relations = of_identities(output, target)
    return of_relations(relations.on_sphere() if normalize else relations, margin=margin, pairs=pairs)


def of_relations(relations: Relations, *, margin: Knob = 2.0, pairs: str = "mean") -> Tensor:
    """The same of each anchor (A,) against its candidates: those of one row, and those that are others'."""
    distance = relations.distances()
    equal, different = (mask.to(distance.dtype) for mask in (relations.same, relations.different))
    pull = (equal * distance.square()).sum(-1) / 2
    push = (different * (margin - distance).clamp(min=0).square()).sum(-1) / 2
    return relations.mean(pull, push, pairs)


@dataclass(frozen=True, kw_only=True)
class Contrastive(EmbeddingLoss):
    """Contrastive loss on identities, on pairs and on clicks: Hadsell's, of squared distances.

    margin: distance beyond which different identities no longer repel, above 0. Searched over more
        than a decade about 2, where distances on the unit sphere end: elsewhere it sets the size of
        embeddings, against which initial weights and learning rate are large or small.
    pairs: "mean" over all pairs of an anchor, or "balanced" between equal and different ones. Both are
        searched.
    normalize: put embeddings on the unit sphere; searched where it is named.
    """

    name: str = "contrastive"
    margin: float = knob(2.0, above=0, search=log(0.2, 10))
    pairs: str = knob("mean", choices=PAIRS, search=among(*PAIRS))

    def between(self, relations: Relations) -> Tensor:
        return of_relations(relations, margin=self.margin, pairs=self.pairs)
