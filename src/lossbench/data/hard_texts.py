"""Texts that are hard to tell from what belongs to a text: neighbours of a verse, or a user's own column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.task import Target, TargetKind

if TYPE_CHECKING:
    from lossbench.data.splits import Ids

# The pair, and the pair with its hard ones: what losses and measures of pairs know them by.
PAIR: TargetKind = "pair"
HARD: TargetKind = "hard_pair"


@dataclass(frozen=True, eq=False)
class Hard:
    """K hard texts of each of N pairs.

    texts: K times those of all pairs; "" where one has none.
    numbers: int64 (N, K), which pair each is of, equal to the numbers of pairs that have it, too; -1 where
        there is none.
    """

    texts: Sequence[tuple[str, ...]]
    numbers: Ids


def with_hard(offered: tuple[Target, ...], count: int) -> tuple[Target, ...]:
    """Targets of pairs that have so many hard ones: those come first, for losses that know them."""
    (pair,) = offered
    return Target(HARD, size=pair.size, shape=(1 + count,)), pair


def neighbours(numbers: Ids, part: Ids) -> Ids:
    """(N, 2) the row before and the row behind each, where it is its neighbour: -1 elsewhere.

    Args:
        numbers: (N,) in rising order; neighbours differ by one.
        part: (N,) of the split, -1 of what is in none; neighbours are of one part.
    """
    import numpy as np

    rows = np.arange(len(numbers))
    follows = (np.diff(numbers) == 1) & (np.diff(part) == 0) & (part[1:] >= 0)
    before = np.where(np.append(False, follows), rows - 1, -1)
    behind = np.where(np.append(follows, False), rows + 1, -1)
    return np.stack([before, behind], 1)
