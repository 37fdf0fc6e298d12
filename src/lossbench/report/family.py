"""All pairs of what competes, in one metric: the family whose verdicts a report shows in every place.

One report asks each pair of losses, in each condition of the other axes, whether one is better. These
questions are one family with one correction (Holm), and the marks of the tables, the first line, the list of
verdicts and the numbers of seeds all read its decisions, so that no two of them can disagree. An experiment's
own claims are a family of their own, for they were stated before it trained; where one of them asks just what
a pair asks, its verdict is that of the pair.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from lossbench.report.conditions import LOSS, RATE, SEED, Layout, higher_is_better, matches, results
from lossbench.report.contenders import Contenders, slices
from lossbench.report.sign_flips import Floats, sign_flip_p
from lossbench.report.statistics import (
    Interval,
    Region,
    decide,
    fewest_seeds,
    holm,
    paired_interval,
    seeds_to_settle,
)

if TYPE_CHECKING:
    from lossbench.report.verdicts import Judged

Mark = Literal["best", "tied", ""]
ROUNDING = 1e-9  # of the largest result of a condition
BETTER = Region(low=0.0)


@dataclass(frozen=True)
class Pair:
    """Two that compete under one condition, the one with the better mean first.

    where: the condition in words, as `slices` gives it
    left, right: results by seed, of the seeds that both have
    differences: (seeds,) first minus second, positive where the first is better; zero where only rounding
        tells them apart
    adjusted: p after Holm over the family
    decision: 1 the first is better, -1 the second, 0 no verdict
    """

    where: str
    first: str
    second: str
    left: pd.Series[float]
    right: pd.Series[float]
    differences: Floats
    p: float = 1.0
    adjusted: float = 1.0
    decision: int = 0

    @property
    def interval(self) -> Interval:
        """Of the mean difference; at least one seed."""
        return paired_interval(self.differences)


Claimed = Mapping[tuple[str, str, str], int]
"""What claims decide: (condition, one, other) -> 1 where the one is better, -1 where the other is, else 0."""


@dataclass(frozen=True)
class Family:
    """Every pair of a metric, by condition in words and names in either order.

    metric: of a run, with its prefix: `test/rmse`
    claimed: decisions of claims that ask just what a pair asks
    """

    metric: str
    pairs: tuple[Pair, ...]
    claimed: Claimed = field(default_factory=dict)

    @staticmethod
    def of(rows: pd.DataFrame, layout: Layout, metric: str, claimed: Claimed | None = None) -> Family:
        """The pairs of all conditions.

        Args:
            rows: chosen runs, named by what competes.
            layout: without knobs of losses among its axes.
            metric: with its prefix.
            claimed: of `decisions`.
        """
        found = [pair for where, part in slices(rows, layout.axes) for pair in _pairs(where, part, metric)]
        return Family(metric, tuple(_decided(found)), claimed or {})

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
        return fewest_seeds(len(self.pairs))

    def possible(self, where: str) -> bool:
        """Whether the seeds of a condition allow any verdict."""
        asked = any(key[0] == where and value for key, value in self.claimed.items())
        return asked or self.shared_seeds(where) >= self.fewest

    def seeds_asked(self, where: str, one: str, other: str) -> int | None:
        """About how many seeds the spread of a pair asks for; None where no number below 1,001 would do."""
        pair, _ = self._by_names.get((where, one, other), (None, 0))
        if pair is None or len(pair.differences) < 2:
            return None
        return seeds_to_settle(pair.interval, BETTER, len(self.pairs))

    def marks(self, where: str, means: Mapping[str, float]) -> dict[str, Mark]:
        """The best mean of a condition and those that no verdict separates from it.

        Nothing where one stands alone, or where the seeds allow no verdict.

        Args:
            where: the condition in words.
            means: by name, of those that have results.
        """
        if len(means) < 2 or not self.possible(where):
            return {}
        best = (max if higher_is_better(self.metric) else min)(means, key=lambda name: means[name])
        told: dict[str, Mark] = {best: "best"}
        others = (name for name in means if name != best)
        return told | {name: "tied" for name in others if self.decision(where, best, name) != 1}


def _pairs(where: str, rows: pd.DataFrame, metric: str) -> Iterable[Pair]:
    values = rows.assign(value=results(rows, metric)).pivot_table(
        index=SEED, columns=LOSS, values="value", observed=True
    )
    higher = higher_is_better(metric)
    size = float(values.abs().max().max()) if values.size else 0.0
    ordered = values.mean().dropna().sort_values(ascending=not higher, kind="stable")
    for first, second in itertools.combinations(map(str, ordered.index), 2):
        both = values[[first, second]].dropna()
        difference = (both[first] - both[second]).to_numpy(float) * (1.0 if higher else -1.0)
        clear = np.where(np.abs(difference) <= ROUNDING * size, 0.0, difference)
        yield Pair(where, first, second, both[first], both[second], clear)


def _decided(pairs: Sequence[Pair]) -> list[Pair]:
    """With the decisions of the family: Holm over all of its pairs."""
    p = [float(sign_flip_p(pair.differences)) if len(pair.differences) > 1 else 1.0 for pair in pairs]
    found = []
    for pair, own, adjusted in zip(pairs, p, map(float, holm(p)) if p else [], strict=True):
        known = len(pair.differences) > 1
        decision = int(decide(pair.interval, adjusted, BETTER)) if known else 0
        values = (pair.where, pair.first, pair.second, pair.left, pair.right, pair.differences)
        found.append(Pair(*values, own, adjusted, decision))
    return found


def decisions(verdicts: Sequence[Judged], chosen: pd.DataFrame, layout: Layout) -> dict[str, Claimed]:
    """What claims decide that pairs of losses ask, too, by metric with its prefix.

    A claim asks what a pair asks where it says that one condition is better than another that differs from it
    in the loss or its knobs alone, without a margin, a baseline or a learning rate of its own.
    """
    found: dict[str, dict[tuple[str, str, str], int]] = {}
    for judged in verdicts:
        claim = judged.claim
        fixed = RATE in claim.left or RATE in claim.right
        if claim.kind != "better" or claim.margin or claim.change_from or fixed:
            continue
        left, right = (_place(side, chosen, layout) for side in (claim.left, claim.right))
        if left is None or right is None or left[0] != right[0]:
            continue
        (where, one), (_, other) = left, right
        sign = {"supported": 1, "refuted": -1, "inconclusive": 0}[judged.verdict]
        found.setdefault(f"test/{claim.metric}", {})[(where, one, other)] = sign
    return {metric: dict(own) for metric, own in found.items()}


def _place(selection: Mapping[str, object], chosen: pd.DataFrame, layout: Layout) -> tuple[str, str] | None:
    """The condition and the name of the one contender that a selection leaves; None where it is not one."""
    rows = chosen[matches(chosen, selection)]
    if len(rows[layout.keys].drop_duplicates()) != 1:
        return None
    named = Contenders.of(rows, layout)
    ((where, part),) = slices(named.rows, named.layout.axes)
    return where, str(part[LOSS].iloc[0])
