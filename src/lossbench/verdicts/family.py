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
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from lossbench.verdicts.choice import Choice
from lossbench.verdicts.choose import score_column
from lossbench.verdicts.comparison import Evidence, compare
from lossbench.verdicts.conditions import (
    LOSS,
    RATE,
    SEED,
    Layout,
    higher_is_better,
    matches,
    prefers_higher,
    worst_first,
)
from lossbench.verdicts.contenders import Contenders, slices
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.grid import Grid
from lossbench.verdicts.pilot import Asked, seeds_asked
from lossbench.verdicts.sides import Sides
from lossbench.verdicts.statistics import ALPHA, Floats, Interval, Region, fewest_seeds, holm, paired_interval
from lossbench.verdicts.trials import expanded

if TYPE_CHECKING:
    from lossbench.verdicts.judged import Judged

Mark = Literal["best", "tied", ""]
ROUNDING = 1e-9  # of the largest result of a condition
BETTER = Region(low=0.0)


@dataclass(frozen=True)
class Pair:
    """Two that compete under one condition, the one with the better mean first.

    where: the condition in words, as `slices` gives it
    left, right: results by seed, of the seeds that both have; infinitely bad where a run diverged
    differences: (seeds,) first minus second, positive where the first is better; zero where only rounding
        tells them apart
    interval: of the typical difference, with at least one seed
    repeated: low and high of the interval that includes the choice of the rates, where there was one
    missing: runs without which nobody knows which rate is the best
    examples: whether the interval holds for new examples; else seeds alone speak
    alpha: as in `Evidence`
    adjusted: p after Holm over the family
    decision: 1 the first is better, -1 the second, 0 no verdict
    """

    where: str
    first: str
    second: str
    left: pd.Series[float]
    right: pd.Series[float]
    differences: Floats
    interval: Interval
    repeated: tuple[float, float] | None = None
    missing: int = 0
    p: float = 1.0
    adjusted: float = 1.0
    decision: int = 0
    examples: bool = False
    alpha: float = ALPHA

    @property
    def evidence(self) -> Evidence:
        """What its decision is made of."""
        p = (self.p, self.adjusted)
        return Evidence(self.interval, self.repeated, p, self.missing, self.examples, self.alpha)


@dataclass(frozen=True, eq=False)
class Tried:
    """What competes: the chosen runs, and all runs with the columns that chose among them.

    chosen, everything: named by contender
    score, higher: the column that chooses, and whether more of it is better
    examples, alpha: as in `Choice`
    """

    chosen: Contenders
    everything: pd.DataFrame
    score: str
    higher: bool
    examples: Examples | None = None
    alpha: float = ALPHA

    @staticmethod
    def of(chosen: pd.DataFrame, choice: Choice, by: str) -> Tried:
        """The runs of an experiment that a validation metric chose."""
        everything = Contenders.of(choice.runs, choice.layout).rows
        score, higher = score_column(choice.runs, by), prefers_higher(choice.runs, by)
        contenders = Contenders.of(chosen, choice.layout)
        return Tried(contenders, everything, score, higher, choice.examples, choice.alpha)

    def slices(self) -> list[tuple[str, pd.DataFrame]]:
        """The chosen runs of each condition, with the condition in words."""
        return slices(self.chosen.rows, self.chosen.layout.axes)

    def grid(self, where: str, name: str, metric: str) -> Grid:
        """All runs of a contender under a condition."""
        return Grid.of(self._by_names[(where, name)], self.score, metric, self.higher)

    @cached_property
    def _by_names(self) -> dict[tuple[str, str], pd.DataFrame]:
        return {
            (where, str(name)): own
            for where, part in slices(self.everything, self.chosen.layout.axes)
            for name, own in part.groupby(LOSS, sort=False)
        }


Claimed = Mapping[tuple[str, str, str], int]
"""What claims decide: (condition, one, other) -> 1 where the one is better, -1 where the other is, else 0."""


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
        """The pairs of all conditions.

        Args:
            tried: what competes, at the chosen rates and at all.
            metric: with its prefix.
            claimed: of `decisions`.
        """
        found = [pair for where, part in tried.slices() for pair in _pairs(where, part, tried, metric)]
        higher = higher_is_better(tried.everything, metric)
        return Family(metric, tuple(_decided(found)), claimed or {}, tried.alpha, higher)

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
        return seeds_asked(pair.interval, BETTER, len(self.pairs), self.alpha) if pair else None

    def marks(self, where: str, means: Mapping[str, float]) -> dict[str, Mark]:
        """The best mean of a condition and those that no verdict separates from it.

        Nothing where one stands alone, or where the seeds allow no verdict.

        Args:
            where: the condition in words.
            means: by name, of those that have results.
        """
        if len(means) < 2 or not self.possible(where):
            return {}
        best = (max if self.higher else min)(means, key=lambda name: means[name])
        told: dict[str, Mark] = {best: "best"}
        others = (name for name in means if name != best)
        return told | {name: "tied" for name in others if self.decision(where, best, name) != 1}


def _pairs(where: str, rows: pd.DataFrame, tried: Tried, metric: str) -> Iterable[Pair]:
    values = rows.assign(value=worst_first(rows, metric)).pivot_table(
        index=SEED, columns=LOSS, values="value", observed=True
    )
    higher = higher_is_better(rows, metric)
    finite = values.where(np.isfinite(values))
    size = float(finite.abs().max().max()) if finite.notna().any(axis=None) else 0.0
    ordered = values.mean().dropna().sort_values(ascending=not higher, kind="stable")
    grids = {name: tried.grid(where, name, metric) for name in map(str, ordered.index)}
    for first, second in itertools.combinations(grids, 2):
        both = values[[first, second]].dropna()
        ahead = float(both[second].mean() - both[first].mean())
        if (ahead if higher else -ahead) > 0:  # another order than on all of their seeds
            first, second = second, first
        sides = Sides(both[first], both[second], 1.0 if higher else -1.0)
        clear = np.where(np.abs(sides.differences) <= ROUNDING * size, 0.0, sides.differences)
        one, other = grids[first], grids[second]
        interval, p = compare(clear, BETTER) if len(clear) > 1 else (paired_interval(clear), 1.0)
        repeated = _repeated(one, other, sides.sign) if np.isfinite(clear).all() and len(clear) > 1 else None
        pair = Pair(where, first, second, sides.left, sides.right, clear, interval, repeated, p=p)
        wide = _for_new_examples(pair, rows, tried.examples, metric, sides.sign)
        missing = one.missing + other.missing
        known = replace(pair, missing=missing, examples=wide is not None, alpha=tried.alpha)
        yield replace(known, interval=wide or interval)


def _for_new_examples(
    pair: Pair, rows: pd.DataFrame, examples: Examples | None, metric: str, sign: float
) -> Interval | None:
    """The interval that counts the chance of the examples, too; None where it cannot be known."""
    if examples is None or len(pair.differences) < 2 or not metric.startswith("test/"):
        return None
    runs = {(seed, str(loss)): str(run) for seed, loss, run in rows[[SEED, LOSS, "run_id"]].to_numpy()}
    weighed = [
        ((sign, runs[(seed, pair.first)]), (-sign, runs[(seed, pair.second)])) for seed in pair.left.index
    ]
    return examples.interval(pair.differences, weighed, metric.removeprefix("test/"))


def _repeated(one: Grid, other: Grid, sign: float) -> tuple[float, float] | None:
    """The interval of their difference with the choice of both rates repeated."""
    if not (one.several or other.several):
        return None
    seeds = tuple(sorted({*one.seeds} & {*other.seeds}))
    if not seeds:
        return None
    return expanded(sign * (one.drawn(seeds) - other.drawn(seeds)), len(seeds))


def _decided(pairs: Sequence[Pair]) -> list[Pair]:
    """With the decisions of the family: Holm over all of its pairs."""
    adjusted = map(float, holm([pair.p for pair in pairs])) if pairs else []
    found = []
    for pair, after in zip(pairs, adjusted, strict=True):
        corrected = replace(pair, adjusted=after)
        decision = corrected.evidence.decision(BETTER) if len(pair.differences) > 1 else 0
        found.append(replace(corrected, decision=decision))
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
