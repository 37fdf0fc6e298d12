"""Triplet loss on the triplets of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.choice import knob
from lossbench.losses.heads import EmbeddingLoss, distances, on_sphere, pair_masks
from lossbench.losses.targets import check_embeddings
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob

MINING = ("hard", "all")


def triplet(
    output: Tensor, target: Tensor, *, margin: Knob = 0.2, mining: str = "hard", normalize: bool = True
) -> Tensor:
    """Triplet loss of each anchor within the batch.

        l(a, p, n) = max(0, margin + D_ap - D_an),   D_ij = ||output_i - output_j||  (not squared)
        L_a = l(a, farthest p, nearest n)              mining = "hard"
              mean of l(a, p, n) over all p and n      mining = "all"

    where p has the identity of a, n another. An anchor without a p or without an n has loss 0. "all"
    needs memory for N^3 numbers, "hard" for N^2.

    Args:
        output: float (N, E), embeddings.
        target: int (N,), identities.
        margin: by how much the negative must be farther, above 0; a tensor of no dimension may stand for it.
        mining: "hard" or "all".
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
    valid = equal.unsqueeze(2) & different.unsqueeze(1)
    short = (margin + distance.unsqueeze(2) - distance.unsqueeze(1)).clamp(min=0)
    return (short * valid).sum((1, 2)) / valid.sum((1, 2)).clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class Triplet(EmbeddingLoss):
    """Triplet loss on identities.

    margin: by how much the nearest stranger must be farther, above 0.
    mining: "hard" (the farthest of the own and the nearest of the others), or "all" triplets.
    normalize: put embeddings on the unit sphere.
    """

    name: str = "triplet"
    margin: float = knob(0.2, above=0)
    mining: str = knob("hard", choices=MINING)
    normalize: bool = knob(True)

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return triplet(output, target, margin=self.margin, mining=self.mining, normalize=self.normalize)
