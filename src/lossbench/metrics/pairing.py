"""Metrics of pairs: whether one of the two finds the other among all, for all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_AT_ONCE = 256  # left ones that are compared with all right ones


def found(left: Tensor, right: Tensor, identity: Tensor) -> dict[str, Tensor]:
    """pair_mrr, pair_recall_at_1 and pair_recall_at_10, by the cosine of embeddings.

    The rank of a left one is how many right ones of another identity are as near as the nearest of its own,
    or nearer: equal ones are no merit. MRR is the mean of 1 / (1 + rank) (Voorhees 1999, TREC-8).

    Args:
        left, right: (R, N, E), finite.
        identity: (R, N) int64, equal where texts belong together.

    Returns:
        (R,) float64 each.
    """
    left, right = (torch.nn.functional.normalize(own.double(), dim=-1) for own in (left, right))
    ranks = []
    for start in range(0, left.shape[1], _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        near = left[:, some] @ right.transpose(-1, -2)
        own = identity[:, some].unsqueeze(-1) == identity.unsqueeze(-2)
        best = near.masked_fill(~own, -torch.inf).amax(-1, keepdim=True)
        ranks.append(((near >= best) & ~own).sum(-1))
    rank = torch.cat(ranks, dim=1).double()
    return {
        "pair_mrr": (1 / (1 + rank)).mean(-1),
        "pair_recall_at_1": (rank < 1).double().mean(-1),
        "pair_recall_at_10": (rank < 10).double().mean(-1),
    }
