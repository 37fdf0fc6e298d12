"""Metrics of what is recommended: where held-out items stand among all that are new to a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

BEST = 10


def ranks(
    all_items: Tensor, item: Tensor, user: Tensor, seen: Tensor, seen_from: Tensor
) -> tuple[Tensor, Tensor]:
    """How many items stand before each held-out one, of those that its user does not have in training.

    An item of the same score, or whose score is no number, stands before it.

    Args:
        all_items: (R, n, items), scores.
        item, user: (R, n) int64.
        seen: (R, S), the training items of all users, one user after another.
        seen_from: (R, users + 1) int64, where those of each begin.

    Returns:
        ranks (R, n) int64 from 0, and `user`.
    """
    members, count, items = all_items.shape
    own = all_items.gather(-1, item.unsqueeze(-1))
    before = (~(all_items < own)).sum(-1).flatten() - 1  # without itself
    first = seen_from.gather(1, user)
    owned = (seen_from.gather(1, user + 1) - first).flatten()
    example = torch.arange(members * count, device=owned.device).repeat_interleave(owned)
    place = torch.arange(len(example), device=owned.device) - (owned.cumsum(0) - owned)[example]
    known = seen[example // count, first.flatten()[example] + place].long()
    stands = ~(all_items.reshape(-1, items)[example, known] < own.flatten()[example])
    stands &= known != item.flatten()[example]  # of a row of training, which is tried on before it trains
    # Whole numbers, so that the order of a sum is no matter.
    before = before - torch.zeros_like(before).index_add_(0, example, stands.long())
    return before.view(members, count), user


def of_users(rank: Tensor, user: Tensor) -> dict[str, Tensor]:
    """recall_at_10 and ndcg_at_10, the plain means over users of what each has held out.

    recall: the share of a user's held-out items among the ten best. NDCG (Jarvelin and Kekalainen 2002): the
    sum of 1 / log2(2 + rank) of those, over what it is where they stand first.

    Args:
        rank: (R, N) int64 from 0, as `ranks` gives it.
        user: (R, N) int64.

    Returns:
        (R,) float64 each.
    """
    rank, user, home = rank.cpu(), user.cpu(), rank.device
    found = (rank < BEST).double()
    gain = found / (rank.double() + 2).log2()
    users = int(user.max()) + 1

    def sums(values: Tensor) -> Tensor:
        return values.new_zeros(len(values), users).scatter_add_(1, user, values)

    held = sums(torch.ones_like(found))
    ideal = torch.cat([torch.zeros(1), 1 / torch.arange(2, BEST + 2).log2()]).double().cumsum(0)
    there = held > 0
    shares = {
        "recall_at_10": sums(found) / held.clamp(min=1),
        "ndcg_at_10": sums(gain) / ideal[held.long().clamp(1, BEST)],
    }
    return {name: (own * there).sum(-1).div(there.sum(-1)).to(home) for name, own in shares.items()}
