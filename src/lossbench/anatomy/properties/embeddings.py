"""Losses of embeddings: contrastive, triplet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.anatomy.properties.measure import Found, drawn, gradient, holds, largest
from lossbench.losses.contrastive import contrastive
from lossbench.losses.triplet import triplet

if TYPE_CHECKING:
    from torch import Tensor


_HADSELL = "Hadsell, Chopra and LeCun (CVPR 2006), section 2.1"
_FACENET = "Schroff, Kalenichenko and Philbin (FaceNet, CVPR 2015), section 3.1"


def _pair(distance: Tensor, same: bool) -> Tensor:
    """The contrastive loss (N,) of two points at each of the distances (N,)."""
    target = torch.tensor([0, 0 if same else 1])
    return torch.stack(
        [contrastive(torch.stack([d * 0, d]).unsqueeze(-1), target).mean() for d in distance.unbind()]
    )


@holds("Contrastive loss pulls equal pairs like a spring, in proportion to their distance.", _HADSELL)
def contrastive_pulls_like_a_spring() -> Found:
    distances = torch.linspace(0.05, 5, 100, dtype=torch.float64)
    return largest(gradient(lambda d: _pair(d, same=True), distances) - distances)


@holds("Contrastive loss pushes different pairs apart up to the margin and no further.", _HADSELL)
def contrastive_pushes_to_the_margin() -> Found:
    distances = torch.linspace(0.05, 5, 100, dtype=torch.float64)
    slopes = gradient(lambda d: _pair(d, same=False), distances)
    return largest(slopes + (2.0 - distances).clamp(min=0))


def _triplets(count: int = 200) -> tuple[Tensor, Tensor]:
    return drawn(count, 3, 4, purpose="triplets", scale=1.0), torch.tensor([0, 0, 1])


def _ends(points: Tensor) -> tuple[Tensor, Tensor]:
    """Distances from the anchor (row 0) to its positive and to its negative, on the sphere."""
    sphere = torch.nn.functional.normalize(points, dim=-1)
    return (sphere[:, 0] - sphere[:, 1]).norm(dim=-1), (sphere[:, 0] - sphere[:, 2]).norm(dim=-1)


@holds("Triplet loss asks only that the negative be farther than the positive by the margin.", _FACENET)
def triplet_compares_distances() -> Found:
    points, target = _triplets()
    positive, negative = _ends(points)
    values = torch.stack([triplet(one, target)[0] for one in points])
    return largest(values - (0.2 + positive - negative).clamp(min=0))


@holds("Triplets that are won by the margin have no gradient.", _FACENET, "largest gradient", high=0)
def triplet_rests_when_won() -> Found:
    points, target = _triplets()
    positive, negative = _ends(points)
    won = points[negative > positive + 0.2 + 1e-6]
    slopes = gradient(lambda x: torch.stack([triplet(one, target)[0] for one in x]), won)
    return largest(slopes)


@holds("On the unit sphere the length of an embedding does not matter.", _FACENET)
def triplet_ignores_length() -> Found:
    points, target = _triplets()
    lengths = drawn(len(points), 3, 1, purpose="lengths", scale=1.0).exp()
    plain, scaled = (torch.stack([triplet(one, target) for one in x]) for x in (points, points * lengths))
    return largest(plain - scaled)
