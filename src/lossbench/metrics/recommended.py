"""Metrics of recommendations: where held-out items stand among all that are new to a user, and what leads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from lossbench.metrics.recommendations import BEST, DRAWN

if TYPE_CHECKING:
    from torch import Tensor


def ranks(all_items: Tensor, item: Tensor, user: Tensor, seen: Tensor, seen_from: Tensor) -> Tensor:
    """How many items stand before each held-out one, of those that its user does not have in training.

    An item of the same score, or whose score is no number, stands before it.

    Args:
        all_items: (R, n, items), scores.
        item, user: (R, n) int64.
        seen: (R, S), the training items of all users, one user after another.
        seen_from: (R, users + 1) int64, where those of each begin.

    Returns:
        (R, n) int64 from 0.
    """
    own = all_items.gather(-1, item.unsqueeze(-1))
    before = (~(all_items < own)).sum(-1).flatten() - 1  # without itself
    example, known = _owned(user, seen, seen_from)
    stands = ~(all_items.flatten(0, 1)[example, known] < own.flatten()[example])
    stands &= known != item.flatten()[example]  # of a row of training, which is tried on before it trains
    # Whole numbers, so that the order of a sum is no matter.
    before = before - torch.zeros_like(before).index_add_(0, example, stands.long())
    return before.view(item.shape)


def _owned(user: Tensor, seen: Tensor, seen_from: Tensor) -> tuple[Tensor, Tensor]:
    """What users (R, n) have in training: the number of the example, 0 to R * n - 1, and the item."""
    first = seen_from.gather(1, user)
    owned = (seen_from.gather(1, user + 1) - first).flatten()
    example = torch.arange(user.numel(), device=owned.device).repeat_interleave(owned)
    place = torch.arange(len(example), device=owned.device) - (owned.cumsum(0) - owned)[example]
    return example, seen[example // user.shape[1], first.flatten()[example] + place].long()


def places(
    all_items: Tensor, item: Tensor, user: Tensor, seen: Tensor, seen_from: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What is kept of scores: `ranks`, the user, and how many items are new to him, (R, n) int64 each."""
    new = all_items.shape[-1] - (seen_from.gather(1, user + 1) - seen_from.gather(1, user))
    return ranks(all_items, item, user, seen, seen_from), user, new


def of_users(rank: Tensor, user: Tensor, new: Tensor) -> dict[str, Tensor]:
    """The plain means over users of what each has held out.

    recall_at_10: the share of a user's held-out items among the ten best; precision_at_10: their share of
    these ten. ndcg_at_10 (Jarvelin and Kekalainen 2002): the sum of 1 / log2(2 + rank) of those, over what it
    is where they stand first. user_auc: the share of pairs of a held-out and another new item that stand in
    this order. ndcg_at_10_of_100: what each held-out item gains on the mean over all draws of 100 other new
    ones, with replacement (Krichene and Rendle, KDD 2020, section 4), without drawing any.

    Args:
        rank: (R, N) int64 from 0, as `ranks` gives it.
        user: (R, N) int64.
        new: (R, N) int64, items that the user does not have in training, held-out ones among them.

    Returns:
        (R,) float64 each.
    """
    home = rank.device
    rank, user, new = rank.cpu(), user.cpu(), new.cpu()
    found = (rank < BEST).double()
    gain = found / (rank.double() + 2).log2()
    users = int(user.max()) + 1

    def sums(values: Tensor) -> Tensor:
        return values.new_zeros(len(values), users).scatter_add_(1, user, values)

    held = sums(torch.ones_like(found))
    others = (new - held.gather(1, user).long()).clamp(min=1)
    worse = (rank - _of_ones_own(rank, user, held)) / others  # the chance that another stands above it
    ideal = torch.cat([torch.zeros(1), 1 / torch.arange(2, BEST + 2).log2()]).double().cumsum(0)
    there, each = held > 0, held.clamp(min=1)
    shares = {
        "ndcg_at_10": sums(gain) / ideal[held.long().clamp(1, BEST)],
        "recall_at_10": sums(found) / each,
        "precision_at_10": sums(found) / BEST,
        "user_auc": sums(1 - worse) / each,
        f"ndcg_at_10_of_{DRAWN}": sums(_expected_gain(worse)) / each,
    }
    return {name: (own * there).sum(-1).div(there.sum(-1)).to(home) for name, own in shares.items()}


def _of_ones_own(rank: Tensor, user: Tensor, held: Tensor) -> Tensor:
    """How many other held-out items of its user stand before each, or beside it: (R, N) int64."""
    key = user * (int(rank.max()) + 1) + rank
    in_order = key.sort(-1).values
    before = torch.searchsorted(in_order, key, right=True)
    first = (held.cumsum(-1) - held).long().gather(1, user)
    return before - first - 1


def _expected_gain(worse: Tensor) -> Tensor:
    """The mean gain of an item among `DRAWN` others, each of which stands before it with a chance (...)."""
    total = torch.zeros_like(worse)
    for ahead in range(BEST):
        ways = math.comb(DRAWN, ahead) / math.log2(2 + ahead)
        total += ways * worse**ahead * (1 - worse) ** (DRAWN - ahead)
    return total


def lists(
    all_items: Tensor, user: Tensor, seen: Tensor, seen_from: Tensor, count: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What is kept of scores: the ten best items that are new to each user.

    Args:
        all_items, user, seen, seen_from: as of `ranks`.
        count: (R, items), users who have an item in training.

    Returns:
        the items (R, n, 10) int64, -1 where a user has no more new ones; the share of all users who have
        each, float64; the user (R, n); and how many items there are (R, n).
    """
    items = all_items.shape[-1]
    known = torch.zeros(all_items.shape, dtype=torch.bool, device=all_items.device)
    known.flatten(0, 1)[_owned(user, seen, seen_from)] = True
    best = all_items.masked_fill(known, -torch.inf).topk(min(BEST, items), dim=-1).indices
    users = seen_from.shape[1] - 1
    share = count.double().unsqueeze(1).expand(-1, best.shape[1], -1).gather(-1, best) / users
    return best.where(~known.gather(-1, best), -1), share, user, torch.full_like(user, items)


def of_lists(best: Tensor, share: Tensor, user: Tensor, items: Tensor) -> dict[str, Tensor]:
    """popularity_at_10 and coverage_at_10, as `lists` keeps what they are made of; (R,) float64 each.

    The list of a user who has held out several items counts once.
    """
    there = best >= 0
    mean = (share * there).sum(-1) / there.sum(-1).clamp(min=1)
    popular, covered = [], []
    for own, lead, whose, of in zip(best, mean, user, items, strict=True):
        numbers, place, times = whose.unique(return_inverse=True, return_counts=True)
        sums = lead.new_zeros(len(numbers)).index_add_(0, place, lead)
        popular.append((sums / times).mean())
        covered.append(own[own >= 0].unique().numel() / int(of[0]))
    return {
        "popularity_at_10": torch.stack(popular),
        "coverage_at_10": mean.new_tensor(covered),
    }
