"""All pairs of what competes, in one metric: the family whose verdicts a report shows in every place.

One report asks each pair of losses, in each condition of the other axes, whether one is better. These
questions are one family with one correction (Holm), and the marks of the tables, the first line, the list of
verdicts and the numbers of seeds all read its decisions, so that no two of them can disagree. An experiment's
own claims are a family of their own, for they were stated before it trained; where one of them asks just what
a pair asks, its verdict is that of the pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import pandas as pd

from lossbench.verdicts.choose import fixes_trial
from lossbench.verdicts.conditions import LOSS, Layout, side_of
from lossbench.verdicts.contenders import Contenders, slices
from lossbench.verdicts.pair import BETTER, Pair, Tried, pairs_of
from lossbench.verdicts.pilot import Asked, seeds_asked
from lossbench.verdicts.results import higher_is_better
from lossbench.verdicts.statistics import ALPHA, fewest_seeds, holm
from lossbench.verdicts.verdict import Judged

Claimed = Mapping[tuple[str, str, str], int]
"""What claims decide: (condition, one, other) -> 1 where the one is better, -1 where the other is, else 0."""
Mark = Literal["best", "tied", ""]


@dataclass(frozen=True)
class Family:
    """Every pair of a metric, by condition in words and names in either order.

    metric: of a run, with its prefix: `test/rmse`
    claimed: decisions of claims that ask just what a pair asks
    alpha: as in `Evidence`
    higher: whether more of the metric is better
    """

    metric: str
    pairs: tuple[Pair, ...]
    claimed: Claimed = field(default_factory=dict)
    alpha: float = ALPHA
    higher: bool = False

    @staticmethod
    def of(tried: Tried, metric: str, claimed: Claimed | None = None) -> Family:
        """The pairs of all conditions in a metric with its prefix."""
        found = [pair for where, part in tried.slices() for pair in pairs_of(where, part, tried, metric)]
        higher = higher_is_better(tried.choice.runs, metric)
        return Family(metric, tuple(_decided(found)), claimed or {}, tried.choice.alpha, higher)

    @cached_property
    def _by_names(self) -> dict[tuple[str, str, str], tuple[Pair, int]]:
        there = {(pair.where, pair.first, pair.second): (pair, 1) for pair in self.pairs}
        return there | {(where, two, one): (pair, -1) for (where, one, two), (pair, _) in there.items()}

    def decision(self, where: str, one: str, other: str) -> int:
        """1 where one is better, -1 where the other is, 0 where no verdict tells."""
        for key, sign in (((where, one, other), 1), ((where, other, one), -1)):
            if key in self.claimed:
                return sign * self.claimed[key]
        pair, sign = self._by_names.get((where, one, other), (None, 0))
        return sign * pair.decision if pair else 0

    def shared_seeds(self, where: str) -> int:
        """The most seeds that two results of a condition share."""
        return max((len(pair.differences) for pair in self.pairs if pair.where == where), default=0)

    @property
    def fewest(self) -> int:
        """The least number of seeds with which a verdict on one of the pairs is possible."""
        return fewest_seeds(len(self.pairs), self.alpha)

    def possible(self, where: str) -> bool:
        """Whether the seeds of a condition allow any verdict.

        A pair may be decided with fewer than the least number: once Holm has passed the others, less is asked
        of the last.
        """
        asked = any(key[0] == where and value for key, value in self.claimed.items())
        decided = any(pair.where == where and pair.decision for pair in self.pairs)
        return asked or decided or self.shared_seeds(where) >= self.fewest

    def seeds_asked(self, where: str, one: str, other: str) -> Asked | None:
        """Between how many seeds the number lies that would settle a pair; None where five are not there."""
        pair, _ = self._by_names.get((where, one, other), (None, 0))
        return seeds_asked(pair.evidence.interval, BETTER, len(self.pairs), self.alpha) if pair else None

    def marks(self, where: str, means: Mapping[str, float]) -> dict[str, Mark]:
        """The best mean of a condition and those that no verdict separates from it.

        Nothing where one stands alone, or where the seeds allow no verdict.
        """
        if len(means) < 2 or not self.possible(where):
            return {}
        best = (max if self.higher else min)(means, key=lambda name: means[name])
        told: dict[str, Mark] = {best: "best"}
        others = (name for name in means if name != best)
        return told | {name: "tied" for name in others if self.decision(where, best, name) != 1}


def _decided(pairs: Sequence[Pair]) -> list[Pair]:
    """With the decisions of the family: Holm over all of its pairs."""
    p = [pair.evidence.p[0] for pair in pairs]
    found = []
    for pair, own, after in zip(pairs, p, holm(p).tolist(), strict=True):
        evidence = replace(pair.evidence, p=(own, after))
        decision = evidence.decision(BETTER) if len(pair.differences) > 1 else 0
        found.append(replace(pair, evidence=evidence, decision=decision))
    return found


def decisions(verdicts: Sequence[Judged], chosen: pd.DataFrame, layout: Layout) -> Mapping[str, Claimed]:
    """What claims decide that pairs of losses ask, too, by metric with its prefix.

    A claim asks what a pair asks where it says that one condition is better than another that differs from it
    in the loss or its knobs alone, without a margin, a baseline or a learning rate of its own.
    """
    found: dict[str, dict[tuple[str, str, str], int]] = {}
    for judged in verdicts:
        claim = judged.claim
        fixed = fixes_trial(claim.left) or fixes_trial(claim.right)
        if claim.kind != "better" or claim.margin or claim.change_from or fixed:
            continue
        left, right = (_place(side, chosen, layout) for side in (claim.left, claim.right))
        if left is None or right is None or left[0] != right[0]:
            continue
        (where, one), (_, other) = left, right
        sign = {"supported": 1, "refuted": -1, "inconclusive": 0}[judged.verdict]
        found.setdefault(f"test/{claim.metric}", {})[(where, one, other)] = sign
    return found


def _place(selection: Mapping[str, object], chosen: pd.DataFrame, layout: Layout) -> tuple[str, str] | None:
    """The condition and the name of the one contender that a selection leaves; None where it is not one."""
    rows = side_of(chosen, selection)
    if len(rows[layout.keys].drop_duplicates()) != 1:
        return None
    named = Contenders.of(rows, layout)
    ((where, part),) = slices(named.rows, named.layout.axes)
    return where, str(part[LOSS].iloc[0])
