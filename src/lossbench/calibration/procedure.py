"""From simulated runs to verdicts: the steps that judge real claims, on arrays.

`verdicts.judging` reads frames; here the same functions are handed arrays, so that thousands of experiments
take seconds. `tests/calibration/test_calibration.py` holds both against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossbench.verdicts.comparison import Evidence, compare
from lossbench.verdicts.lopsided import lopsided, strayed
from lossbench.verdicts.statistics import Floats, Interval, Region, decide, holm, paired_interval
from lossbench.verdicts.trials import Trials, competing, repeated

Claims = Sequence[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Runs:
    """E experiments of L losses, each trained at T rates on S seeds; more is better.

    validation, test: (E, L, T, S); NaN where the run diverged.
    known: (E, L, T, S), whether there is such a run; None where there are all.
    """

    validation: Floats
    test: Floats
    known: NDArray[np.bool_] | None = None

    def one(self, place: int) -> Runs:
        """One experiment, or one loss of it: without the first axis."""
        known = None if self.known is None else self.known[place]
        return Runs(self.validation[place], self.test[place], known)


@dataclass(frozen=True, eq=False)
class Side:
    """One loss of one experiment.

    trials: of the rates that compete, on the seeds that all of these have
    chosen: (S,) results at the rate that is chosen, minus infinity where it diverged, NaN where there is none
    """

    trials: Trials
    chosen: Floats

    @staticmethod
    def of(validation: Floats, test: Floats, known: NDArray[np.bool_] | None) -> Side:
        """The side whose rate validation chooses; arrays are (T, S)."""
        if known is None:
            known = np.ones(test.shape, dtype=bool)
        rates, complete, missing = competing(known)
        seeds = np.flatnonzero(complete)
        names = tuple(map(int, seeds))
        trials = Trials(validation[rates][:, seeds], test[rates][:, seeds], True, names, missing)
        place = np.flatnonzero(rates)[trials.chosen]
        lost = known[place] & np.isnan(test[place])
        return Side(trials, np.where(lost, -np.inf, np.where(known[place], test[place], np.nan)))


@dataclass(frozen=True, eq=False)
class Seen:
    """What is seen of one claim.

    evidence: of which its verdict is made
    decision: 1 supported, -1 refuted, 0 none
    paired: the decision of the paired test alone, which takes the choice of the rates as given
    warned: whether the report warns of runs like these; only of verdicts where not the whole is looked at
    """

    evidence: Evidence
    decision: int
    paired: int
    warned: bool

    def covers(self, truth: float) -> bool:
        """Whether the truth lies in one of the intervals that a verdict needs."""
        interval = self.evidence.interval
        both = [(float(interval.low), float(interval.high)), *filter(None, [self.evidence.repeated])]
        return min(low for low, _ in both) <= truth <= max(high for _, high in both)


@dataclass(frozen=True, eq=False)
class _Asked:
    """One claim before the correction."""

    interval: Interval
    p: float
    differences: Floats
    sides: tuple[Side, Side]

    def repeated(self) -> tuple[float, float] | None:
        """The interval with the choice repeated; None where there was none, or where runs diverged."""
        left, right = (side.trials for side in self.sides)
        return repeated(((1.0, left), (-1.0, right)), self.differences)


def judge(runs: Runs, claims: Claims, region: Region, *, whole: bool = True) -> list[Seen]:
    """The verdicts of one experiment on claims (left loss, right loss) that a difference lies in a region.

    Args:
        runs: of one experiment.
        whole: also what no verdict hangs on, where the paired interval leaves a claim open: the interval that
            includes the choice, the p of a lone claim, and warnings. Without them it is ten times as fast,
            and the decisions are the same.
    """
    losses = [runs.one(loss) for loss in range(len(runs.test))]
    sides = [Side.of(one.validation, one.test, one.known) for one in losses]
    exact = whole or len(claims) > 1
    asked = [_asked(sides[one], sides[other], region, exact) for one, other in claims]
    adjusted = holm([one.p for one in asked])
    return [_seen(one, float(p), region, whole) for one, p in zip(asked, adjusted, strict=True)]


def _asked(left: Side, right: Side, region: Region, exact: bool) -> _Asked:
    with np.errstate(invalid="ignore"):
        values = left.chosen - right.chosen
    both_lost = np.isneginf(left.chosen) & np.isneginf(right.chosen)
    values = np.where(both_lost, 0.0, values)
    values = values[both_lost | ~np.isnan(values)]
    if len(values) < 2:
        nothing = np.asarray(np.nan)
        open_ended = Interval(nothing, np.asarray(-np.inf), np.asarray(np.inf), nothing, len(values))
        return _Asked(open_ended, 1.0, values, (left, right))
    if not exact and np.isfinite(values).all():
        interval = paired_interval(values)
        if decide(interval, 0.0, region) == 0:
            return _Asked(interval, 1.0, values, (left, right))
    return _Asked(*compare(values, region), values, (left, right))


def _seen(asked: _Asked, adjusted: float, region: Region, whole: bool) -> Seen:
    missing = sum(side.trials.missing for side in asked.sides)
    paired = int(decide(asked.interval, adjusted, region))
    repeated = asked.repeated() if whole or decide(asked.interval, 0.0, region) else None
    evidence = Evidence(asked.interval, repeated, (asked.p, adjusted), missing)
    decision = evidence.decision(region)
    warned = (whole or decision != 0) and (
        lopsided(asked.differences) or any(strayed(side.trials, True) for side in asked.sides)
    )
    return Seen(evidence, decision, paired, warned)
