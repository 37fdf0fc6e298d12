"""Two that compete under one condition: their difference, its intervals, its decision."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from lossbench.verdicts.choose import Choice
from lossbench.verdicts.comparison import Evidence, compare
from lossbench.verdicts.conditions import LOSS, SEED
from lossbench.verdicts.contenders import Contenders, slices
from lossbench.verdicts.results import by_seed, higher_is_better, worst_first
from lossbench.verdicts.sides import Sides
from lossbench.verdicts.statistics import Floats, Region, paired_interval
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
    evidence: of which its decision is made; its p is corrected over the family
    decision: 1 the first is better, -1 the second, 0 no verdict
    """

    where: str
    first: str
    second: str
    left: pd.Series[float]
    right: pd.Series[float]
    differences: Floats
    evidence: Evidence
    decision: int = 0


def pairs_of(where: str, rows: pd.DataFrame, tried: Tried, metric: str) -> Iterable[Pair]:
    """Every pair among the chosen runs of a condition, not yet decided, in a metric with its prefix."""
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
        wide = None
        if tried.choice.examples and len(clear) > 1 and metric.startswith("test/"):
            of = [rows[rows[LOSS] == name].set_index(SEED)["run_id"] for name in (first, second)]
            runs = [[(sign, str(of[0][seed])), (-sign, str(of[1][seed]))] for seed in sides.left.index]
            wide = tried.choice.examples.interval(clear, runs, metric.removeprefix("test/"))
        told = (sides.missing, wide is not None, tried.choice.alpha)
        evidence = Evidence(wide or interval, again, (p, 1.0), *told)
        yield Pair(where, first, second, sides.left, sides.right, clear, evidence)
