"""Triplet loss on the triplets of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import among, log
from lossbench.losses.heads import EmbeddingLoss
from lossbench.losses.relations import of_identities

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob
    from lossbench.losses.relations import Relations

MINING = ("all", "hard", "semi_hard")


def triplet(
    output: Tensor, target: Tensor, *, margin: Knob = 0.2, mining: str = "all", normalize: bool = True
) -> Tensor:
    """Triplet loss of each anchor within the batch.

        l(a, p, n) = max(0, margin + D_ap - D_an),   D_ij = ||output_i - output_j||  (not squared)
        L_a = mean of l(a, p, n) over all p and n      mining = "all"
              l(a, farthest p, nearest n)              mining = "hard"
              mean of l(a, p, n_p) over all p          mining = "semi_hard"

    where p has the identity of a, n another, and n_p is the nearest n that is farther from a than p, or the
    farthest of all where none is. An anchor without a p or without an n has loss 0. Means count what costs
    nothing, too. All need memory for N^2 numbers.

    Args:
        output: float (N, E), embeddings.
        target: int (N,), identities.
        margin: by how much the negative must be farther, above 0; a tensor of no dimension may stand for it.
        mining: "all", "hard" or "semi_hard".
        normalize: put embeddings on the unit sphere first.

    Returns:
        (N,), one value per anchor.

    Raises:
        ValueError: the shapes do not fit, the target is not of a whole-number type, or `mining` is unknown.

    Source:
        Schroff, Kalenichenko, Philbin, "FaceNet" (CVPR 2015), section 3.1 (unit sphere, margin 0.2) and 3.2
        (semi-hard; that the farthest stands in is TensorFlow Addons' triplet_semihard_loss);
        Hermans, Beyer, Leibe, "In Defense of the Triplet Loss for Person Re-Identification" (2017),
        section 2 (batch hard, batch all, and distances that are not squared).
    """
    if mining not in MINING:
        raise ValueError(f"mining must be one of {MINING}; got {mining!r}")
    relations = of_identities(output, target)
    return of_relations(relations.on_sphere() if normalize else relations, margin=margin, mining=mining)


def of_relations(relations: Relations, *, margin: Knob = 0.2, mining: str = "all") -> Tensor:
    """The same of each anchor (A,) against its candidates: those of one row, and those that are others'."""
    distance, equal, different = relations.distances(), relations.same, relations.different
    if mining == "hard":
        farthest = distance.masked_fill(~equal, 0.0).amax(-1)
        nearest = distance.masked_fill(~different, float("inf")).amin(-1)
        return (margin + farthest - nearest).clamp(min=0) * equal.any(-1)
    if mining == "semi_hard":
        return _mean_over_semi_hard(margin, distance, equal, different)
    return _mean_over_triplets(margin + distance, distance, equal, different)


def _mean_over_triplets(reach: Tensor, distance: Tensor, equal: Tensor, different: Tensor) -> Tensor:
    """The mean over p and n of max(0, reach_ap - distance_an), for each anchor a; all arguments (N, N).

    A positive costs its reach less the distance, summed over the k negatives that are nearer than its reach.
    With sorted negatives that is k times the reach less the sum of the first k: N^2 log N steps, not N^3.
    """
    import torch

    infinity = float("inf")
    near = distance.masked_fill(~different, infinity).sort(-1).values
    nearer = torch.searchsorted(near.detach().contiguous(), reach.detach().contiguous())
    sums = near.masked_fill(near == infinity, 0.0).cumsum(-1)
    first = torch.cat([torch.zeros_like(sums[:, :1]), sums], -1).gather(-1, nearer)
    short = ((nearer * reach - first) * equal).sum(-1)
    return short / (equal.sum(-1) * different.sum(-1)).clamp(min=1)


def _mean_over_semi_hard(margin: Knob, distance: Tensor, equal: Tensor, different: Tensor) -> Tensor:
    """The mean over p of max(0, margin + distance_ap - distance_an), n the first that is farther than p."""
    import torch

    infinity = float("inf")
    others = different.sum(-1, keepdim=True)
    near = distance.masked_fill(~different, infinity).sort(-1).values
    place = torch.searchsorted(near.detach().contiguous(), distance.detach().contiguous(), right=True)
    chosen = near.gather(-1, place.minimum(others - 1).clamp(min=0))
    short = (margin + distance - chosen).clamp(min=0).masked_fill(~equal, 0.0).sum(-1)
    return short / equal.sum(-1).clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class Triplet(EmbeddingLoss):
    """Triplet loss on identities, on pairs and on clicks.

    margin: by how much the nearest stranger must be farther, above 0. Searched from 0.02 to 1: on the unit
        sphere distances end at 2, and FaceNet takes 0.2.
    mining: "all" triplets, "hard" (the farthest of the own and the nearest of the others), or "semi_hard"
        (for each of the own the nearest of those others that are farther). The first two are searched: which
        of them is better depends on the data (Hermans and others 2017).
    normalize: put embeddings on the unit sphere; searched where it is named.
    """

    name: str = "triplet"
    margin: float = knob(0.2, above=0, search=log(0.02, 1))
    mining: str = knob("all", choices=MINING, search=among("all", "hard"))
    normalize: bool = knob(True, search=among(False, True), asked=True)
    partners = "no triplet (one of its own identity and one of another)"
    compares = True

    def between(self, relations: Relations) -> Tensor:
        return of_relations(relations, margin=self.margin, mining=self.mining)
