"""Two that compete under one condition: their difference, its intervals, its decision."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from lossbench.verdicts.choose import Choice
from lossbench.verdicts.comparison import Evidence, compare
from lossbench.verdicts.conditions import LOSS, SEED
from lossbench.verdicts.contenders import Contenders, slices
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.results import by_seed, higher_is_better, worst_first
from lossbench.verdicts.sides import Sides
from lossbench.verdicts.statistics import ALPHA, Floats, Interval, Region, paired_interval
from lossbench.verdicts.trials import Trials

ROUNDING = 1e-9  # of the largest result of a condition
BETTER = Region(low=0.0)


@dataclass(frozen=True, eq=False)
class Tried:
    """What competes: the runs that one validation metric chose, and all among which it did."""

    choice: Choice
    by: str

    @cached_property
    def chosen(self) -> Contenders:
        """The chosen runs, named by contender."""
        return Contenders.of(self.choice.chosen(self.by), self.choice.layout)

    def slices(self) -> list[tuple[str, pd.DataFrame]]:
        """The chosen runs of each condition, with the condition in words."""
        return slices(self.chosen.rows, self.chosen.layout.axes)

    def trials(self, where: str, name: str, metric: str) -> Trials:
        """What was tried of a contender under a condition."""
        return self.choice.trials(self._by_names[(where, name)], self.by, metric)

    @cached_property
    def _by_names(self) -> dict[tuple[str, str], pd.DataFrame]:
        everything = Contenders.of(self.choice.runs, self.choice.layout).rows
        return {
            (where, str(name)): own
            for where, part in slices(everything, self.chosen.layout.axes)
            for name, own in part.groupby(LOSS, sort=False)
        }


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


def pairs_of(where: str, rows: pd.DataFrame, tried: Tried, metric: str) -> Iterable[Pair]:
    """Every pair of a condition, not yet decided.

    Args:
        where: the condition in words.
        rows: its runs at the chosen rates, named by contender.
        tried: all that was tried.
        metric: with its prefix.
    """
    values = by_seed(rows, worst_first(rows, metric))
    higher = higher_is_better(rows, metric)
    sign = 1.0 if higher else -1.0
    finite = values.where(np.isfinite(values))
    size = float(finite.abs().max().max()) if finite.notna().any(axis=None) else 0.0
    ordered = values.mean().dropna().sort_values(ascending=not higher, kind="stable")
    trials = {name: tried.trials(where, name, metric) for name in map(str, ordered.index)}
    for first, second in itertools.combinations(trials, 2):
        both = values[[first, second]].dropna()
        ahead = float(both[second].mean() - both[first].mean())
        if (ahead if higher else -ahead) > 0:  # another order than on all of their seeds
            first, second = second, first
        parts = ((sign, trials[first]), (-sign, trials[second]))
        sides = Sides(both[first], both[second], sign, parts=parts)
        clear = np.where(np.abs(sides.differences) <= ROUNDING * size, 0.0, sides.differences)
        interval, p = compare(clear, BETTER) if len(clear) > 1 else (paired_interval(clear), 1.0)
        again = sides.repeated() if len(clear) > 1 else None
        pair = Pair(where, first, second, sides.left, sides.right, clear, interval, again, sides.missing, p)
        wide = _for_new_examples(pair, rows, tried.choice.examples, metric, sign)
        yield replace(pair, interval=wide or interval, examples=wide is not None, alpha=tried.choice.alpha)


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
