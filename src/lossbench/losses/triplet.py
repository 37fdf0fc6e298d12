"""Triplet loss on the triplets of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import among, log
from lossbench.losses.heads import EmbeddingLoss, company, distances, on_sphere, pair_masks
from lossbench.losses.targets import check_embeddings
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob

MINING = ("all", "hard")


def triplet(
    output: Tensor, target: Tensor, *, margin: Knob = 0.2, mining: str = "all", normalize: bool = True
) -> Tensor:
    """Triplet loss of each anchor within the batch.

        l(a, p, n) = max(0, margin + D_ap - D_an),   D_ij = ||output_i - output_j||  (not squared)
        L_a = mean of l(a, p, n) over all p and n      mining = "all"
              l(a, farthest p, nearest n)              mining = "hard"

    where p has the identity of a, n another. An anchor without a p or without an n has loss 0. The mean
    counts the triplets that cost nothing, too. Both need memory for N^2 numbers.

    Args:
        output: float (N, E), embeddings.
        target: int (N,), identities.
        margin: by how much the negative must be farther, above 0; a tensor of no dimension may stand for it.
        mining: "all" or "hard".
        normalize: put embeddings on the unit sphere first.

    Returns:
        (N,), one value per anchor.

    Raises:
        ValueError: the shapes do not fit, the target is not of a whole-number type, or `mining` is unknown.

    Source:
        Schroff, Kalenichenko, Philbin, "FaceNet" (CVPR 2015), section 3.1 (unit sphere, margin 0.2);
        Hermans, Beyer, Leibe, "In Defense of the Triplet Loss for Person Re-Identification" (2017),
        section 2 (batch hard, batch all, and distances that are not squared).
    """
    check_embeddings(output, target)
    if mining not in MINING:
        raise ValueError(f"mining must be one of {MINING}; got {mining!r}")
    distance = distances(on_sphere(output) if normalize else output)
    equal, different = pair_masks(target)
    if mining == "hard":
        farthest = distance.masked_fill(~equal, 0.0).amax(-1)
        nearest = distance.masked_fill(~different, float("inf")).amin(-1)
        return (margin + farthest - nearest).clamp(min=0) * equal.any(-1)
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


@dataclass(frozen=True, kw_only=True)
class Triplet(EmbeddingLoss):
    """Triplet loss on identities.

    margin: by how much the nearest stranger must be farther, above 0. Searched from 0.02 to 1: on the unit
        sphere distances end at 2, and FaceNet takes 0.2.
    mining: "all" triplets, or "hard" (the farthest of the own and the nearest of the others). Both are
        searched: which of them is better depends on the data (Hermans and others 2017).
    normalize: put embeddings on the unit sphere; searched where it is named.
    """

    name: str = "triplet"
    margin: float = knob(0.2, above=0, search=log(0.02, 1))
    mining: str = knob("all", choices=MINING, search=among(*MINING))
    normalize: bool = knob(True, search=among(False, True), asked=True)
    partners = "no triplet (one of its own identity and one of another)"

    def idle(self, target: Tensor) -> Tensor:
        """Those without one of their own identity, or without one of another."""
        equal, different = company(target)
        return (equal == 0) | (different == 0)

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return triplet(output, target, margin=self.margin, mining=self.mining, normalize=self.normalize)
