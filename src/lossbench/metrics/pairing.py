"""Metrics of pairs, for all members at once: whether one finds the other, and the order of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_AT_ONCE = 256  # left ones that are compared with all right ones


def found(left: Tensor, right: Tensor, pair: Tensor) -> dict[str, Tensor]:
    """pair_mrr, pair_recall_at_1 and pair_recall_at_10, by the cosine of embeddings.

    The rank of a left one is how many right ones of another number are as near as the nearest of its own,
    or nearer: equal ones are no merit. MRR is the mean of 1 / (1 + rank) (Voorhees 1999, TREC-8).

    Args:
        left, right: (R, N, E), finite.
        pair: (R, N) int64, equal where pairs share a text.

    Returns:
        (R,) float64 each.
    """
    rank = torch.stack([_ranks(*own) for own in zip(left, right, pair, strict=True)]).double()
    return {
        "pair_mrr": (1 / (1 + rank)).mean(-1),
        "pair_recall_at_1": (rank < 1).double().mean(-1),
        "pair_recall_at_10": (rank < 10).double().mean(-1),
    }


def _ranks(left: Tensor, right: Tensor, pair: Tensor) -> Tensor:
    """Of one member (N,), some rows at a time, whoever else is judged: all similarities would be large."""
    left, right = (torch.nn.functional.normalize(own.double(), dim=-1) for own in (left, right))
    ranks = []
    for start in range(0, len(left), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        near = left[some] @ right.T
        own = pair[some].unsqueeze(-1) == pair
        best = near.masked_fill(~own, -torch.inf).amax(-1, keepdim=True)
        ranks.append(((near >= best) & ~own).sum(-1))
    return torch.cat(ranks)


def of_order(value: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """spearman: the correlation of ranks, equal values having the mean of theirs; nan where all are equal.

    Args:
        value, truth: (R, N) predicted and true scores, finite.

    Returns:
        (R,) float64.
    """
    one, other = (_centred_ranks(own.double()) for own in (value, truth))
    scale = one.square().sum(-1) * other.square().sum(-1)
    return {"spearman": (one * other).sum(-1) / scale.sqrt()}


def _centred_ranks(values: Tensor) -> Tensor:
    """Ranks (R, N) from 1, without their mean."""
    ordered = values.sort(-1).values
    first, last = (torch.searchsorted(ordered, values.contiguous(), right=right) for right in (False, True))
    return (first + last + 1).double() / 2 - (values.shape[-1] + 1) / 2
