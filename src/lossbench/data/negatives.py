"""Items that a user does not have in training: what he has, row by row, and draws from the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from lossbench.data.splits import Ids
    from lossbench.task import TargetKind
    from lossbench.trees import Tree


@dataclass(frozen=True, eq=False)
class Seen:
    """The training items of all users, those of one after those of another.

    seen: int32 (S,), each user's in rising order.
    seen_from: int64 (users + 1,): those of user u stand from seen_from[u] to seen_from[u + 1].
    items: how many there are in all.
    """

    seen: Tensor
    seen_from: Tensor
    items: int

    @classmethod
    def of(cls, user: Ids, item: Ids, users: int, items: int) -> Seen:
        """Of the rows of training, (N,) each; a pair occurs once."""
        import numpy as np
        import torch

        ordered = item[np.lexsort((item, user))]
        ends = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=users))])
        return cls(torch.from_numpy(ordered.astype(np.int32)), torch.from_numpy(ends), items)

    def owned(self, inputs: Tree) -> Tensor:
        """Which items of a batch its users have: bool (B, B + B * K), those of the rows and then the drawn.

        Args:
            inputs: `user` and `item` (B,), `other` (B, K).
        """
        import torch

        user = inputs["user"].cpu()
        first, end = self.seen_from[user], self.seen_from[user + 1]
        count = end - first
        row = torch.arange(len(user)).repeat_interleave(count)
        place = torch.arange(len(row)) - (count.cumsum(0) - count)[row] + first[row]
        has = torch.zeros(len(user), self.items, dtype=torch.bool)
        has[row, self.seen[place].long()] = True
        standing = torch.cat([inputs["item"], inputs["other"].flatten()]).cpu()
        return has[:, standing].to(inputs["user"].device)

    def none(self) -> Seen:
        """As if nobody had anything."""
        import torch

        return Seen(self.seen[:0], torch.zeros_like(self.seen_from), self.items)


def of_own_row(inputs: Tree) -> Tensor:
    """Which of its own item and those drawn for it the user of each row has: the first, (B, 1 + K) bool."""
    import torch

    first = torch.arange(1 + inputs["other"].shape[1], device=inputs["user"].device) == 0
    return first.repeat(len(inputs["user"]), 1)


class Negatives:
    """Makes a training batch anew: `other` (B, count) are items that the user does not have in training.

    Each is drawn among all of these, evenly or in proportion to `weight`, from the generator of seed and step
    alone: every loss of a seed sees the same. It is one draw of r, a place among the tickets of items not
    seen, of which each has as many as its weight. With s_0 < s_1 < ... seen it is, among those of all, the
    place r + the tickets of the first k, where k counts the s_j before which at most r of others lie.
    """

    def __init__(self, seen: Seen, count: int, weight: Tensor | None = None) -> None:
        """
        Args:
            weight: int64 (items,), how often each is drawn beside the others; None is evenly. Each user must
                lack an item whose weight is above 0.
        """
        import torch

        self.count = count
        self.start = seen.seen_from[:-1]
        owned = seen.seen.long()
        user = torch.arange(len(self.start)).repeat_interleave(seen.seen_from.diff())
        tickets = torch.ones_like(owned) if weight is None else weight[owned]
        # How many tickets the rows of `seen` have up to each, over all users: whole numbers, exact.
        self.sums = torch.cat([torch.zeros(1, dtype=torch.int64), tickets.cumsum(0)])
        self.ends = None if weight is None else weight.cumsum(0)
        self.all = seen.items if self.ends is None else int(self.ends[-1])
        self.free = self.all - (self.sums[seen.seen_from[1:]] - self.sums[self.start])
        before = owned if self.ends is None else self.ends[owned] - tickets
        others = before - (self.sums[:-1] - self.sums[self.start[user]])
        self.keys = user * (self.all + 1) + others  # in rising order

    def __call__(
        self, inputs: Tree, targets: dict[TargetKind, Tensor], generator: Generator
    ) -> tuple[Tree, dict[TargetKind, Tensor]]:
        import torch

        user = inputs["user"].cpu()
        drawn = torch.rand(len(user), self.count, generator=generator, dtype=torch.float64)
        free = self.free[user].unsqueeze(1)
        rank = (drawn * free).long().minimum(free - 1)
        owner = user.unsqueeze(1)
        passed = torch.searchsorted(self.keys, owner * (self.all + 1) + rank, right=True)
        other = rank + self.sums[passed] - self.sums[self.start[owner]]
        if self.ends is not None:
            other = torch.searchsorted(self.ends, other, right=True)
        return {**inputs, "other": other.to(inputs["user"].device)}, targets
