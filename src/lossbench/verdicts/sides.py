"""The two sides of a claim: results by seed, paired; or the reason why there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lossbench.claims.claim import Claim
from lossbench.counting import counted
from lossbench.verdicts.choose import Choice, fixes_trial
from lossbench.verdicts.conditions import DONE, SEED, TRIAL, column_of, matches, side_of
from lossbench.verdicts.examples import Weighed
from lossbench.verdicts.results import lost, worst_first
from lossbench.verdicts.spelling import show
from lossbench.verdicts.statistics import Floats
from lossbench.verdicts.trials import Part, Trials, repeated
from lossbench.verdicts.tuned import setting

_EMPTY = pd.Series(dtype=float)


@dataclass(frozen=True)
class Sides:
    """Results of both sides by the seeds that both have; infinitely bad where a run diverged.

    sign: 1 where more of the metric is better, else -1
    note: why there can be no verdict; the results are then empty
    parts: the conditions of both sides with all their learning rates, each times its share in the difference
    """

    left: pd.Series[float]
    right: pd.Series[float]
    sign: float
    note: str = ""
    parts: tuple[Part, ...] = field(default=(), compare=False)

    @property
    def differences(self) -> Floats:
        """Left minus right, (seeds,), positive where left is better; 0 where both diverged."""
        with np.errstate(invalid="ignore"):
            values = self.sign * np.asarray(self.left.to_numpy(float) - self.right.to_numpy(float))
        return np.where(np.isnan(values), 0.0, values)

    @property
    def missing(self) -> int:
        """How many runs are missing that the choice of a learning rate, and so a verdict, waits for."""
        return sum(trials.missing for _, trials in self.parts)

    def repeated(self) -> tuple[float, float] | None:
        """The interval with the choice of the rates repeated; None where there was none, or runs diverged."""
        return repeated(self.parts, self.differences)


def sides_of(claim: Claim, choice: Choice) -> Sides:
    """Both sides of a claim, paired by seed."""
    sign = 1.0 if claim.higher_is_better else -1.0
    sides, parts, diverged = [], [], 0
    for name, selection, factor in (("left", claim.left, sign), ("right", claim.right, -sign)):
        side = _side(selection, claim, choice)
        values, note, own = side.by_seed, side.note, [*side.times(factor)]
        if not note and claim.change_from:
            start = _side({**selection, **claim.change_from}, claim, choice)
            values, note = (values - start.by_seed).dropna(), start.note
            own += start.times(-factor)
            if start.lost:
                gone = counted(start.lost, "seed")
                note = f"diverged at the baseline with {gone}, so its change means nothing"
        if note:
            return Sides(_EMPTY, _EMPTY, sign, f"the {name} side {note}")
        sides.append(values)
        parts += own
        diverged += side.lost
    if diverged and _same_but_for_data(claim):
        note = f"{counted(diverged, 'seed')} diverged, so how this loss changes with the data cannot be told"
        return Sides(_EMPTY, _EMPTY, sign, note)
    left, right = sides
    shared = left.index.intersection(right.index)
    return Sides(left.loc[shared], right.loc[shared], sign, parts=tuple(parts))


def _same_but_for_data(claim: Claim) -> bool:
    """Whether a claim compares one loss with itself on other data.

    Either side may then be the baseline, where a run that diverged, as the worst, would speak for its loss.
    """
    rest = [
        {key: value for key, value in side.items() if column_of(key).split(".")[0] != "data"}
        for side in (claim.left, claim.right)
    ]
    return rest[0] == rest[1]


def run_ids(claim: Claim, choice: Choice) -> set[str]:
    """The runs that a claim compares, baselines among them."""
    return {str(run) for _, rows in _compared(claim, choice) for run in rows["run_id"]}


def settings(claim: Claim, choice: Choice) -> str:
    """Which trials a claim compares, where its own metric chose others than the tables show; else nothing.

    Without it a claim on calibration can seem to contradict the table, whose rows accuracy chose.
    """
    by, told, other = choice.by(claim.metric), [], False
    if by == choice.otherwise:
        return ""
    for side in (claim.left, claim.right):
        rows, shown = (side_of(choice.chosen(one), side) for one in (by, choice.otherwise))
        if fixes_trial(side) or rows.empty:
            return ""
        other |= {*rows["run_id"]} != {*shown["run_id"]}
        told.append(" or ".join(dict.fromkeys(setting(row) for row in rows.to_dict("records"))))
    return f"validation {by} chose {told[0]} against {told[1]}" if other else ""


def weighed(claim: Claim, choice: Choice, seeds: Iterable[int]) -> list[Weighed]:
    """The runs whose weighed sum is the difference of a claim, on each of these seeds, which all have."""
    found: dict[int, list[tuple[float, str]]] = {seed: [] for seed in seeds}
    for factor, rows in _compared(claim, choice):
        for seed, part in found.items():
            own = rows.loc[rows[SEED] == seed, "run_id"]
            part += [(factor / len(own), str(run)) for run in own]
    return list(found.values())


def _compared(claim: Claim, choice: Choice) -> Iterator[tuple[float, pd.DataFrame]]:
    """The runs of both sides and of their baselines, each with its factor in the difference."""
    sign = 1.0 if claim.higher_is_better else -1.0
    starts = [(1.0, {}), *([(-1.0, claim.change_from)] if claim.change_from else [])]
    for side, factor in ((claim.left, sign), (claim.right, -sign)):
        for change, start in starts:
            selection = {**side, **start}
            pool = choice.pool(selection, claim.metric)
            yield change * factor, side_of(pool, selection)


@dataclass(frozen=True)
class _Side:
    """Results by seed of one side; why there are none; how many of its seeds diverged; its conditions."""

    by_seed: pd.Series[float]
    note: str = ""
    lost: int = 0
    trials: tuple[Trials, ...] = ()

    def times(self, factor: float) -> list[Part]:
        """Its conditions, whose mean it is, times a factor."""
        return [(factor / len(self.trials), one) for one in self.trials]


def _side(selection: Mapping[str, Any], claim: Claim, choice: Choice) -> _Side:
    """One side, from all runs where it fixes the learning rate, else from those at the chosen one."""
    pool = choice.pool(selection, claim.metric)
    rows = side_of(pool, selection)
    if note := _missing(selection, pool, rows):
        return _Side(_EMPTY, note)
    keys = [*choice.layout.keys, *(TRIAL if fixes_trial(selection) else [])]
    if free := _open(rows, keys, selection):
        return _Side(_EMPTY, f"is more than one condition, it leaves {' and '.join(free)} open")
    metric = f"test/{claim.metric}"
    by_seed = rows.assign(value=worst_first(rows, metric)).groupby(SEED)["value"]
    complete = by_seed.count() == rows.groupby([*choice.layout.keys, *TRIAL], dropna=False).ngroups
    values = by_seed.mean()[complete]
    if not len(values):
        finished = rows["outcome"].isin(DONE).any()
        return _Side(_EMPTY, f"does not define {claim.metric}" if finished else "has no finished run")
    tried = side_of(choice.runs, selection)
    parts = tried.groupby(keys, dropna=False, sort=False)
    trials = [choice.trials(part, choice.by(claim.metric), metric) for _, part in parts]
    gone = int(rows.loc[lost(rows, metric), SEED].nunique())
    return _Side(values, lost=gone, trials=tuple(trials))


def _open(rows: pd.DataFrame, keys: Sequence[str], selection: Mapping[str, Any]) -> list[str]:
    """The columns of which one condition of a selection has several values.

    What it lists is several conditions: each of several losses has a usual trial of its own.
    """
    listed = [key for key in keys if isinstance(selection.get(_asked(key, selection)), list)]
    others = [key for key in keys if key not in listed]
    parts = [own for _, own in rows.groupby(listed, dropna=False)] if listed else [rows]
    return [key for key in others if any(len(own[key].unique()) > 1 for own in parts)]


def _missing(selection: Mapping[str, Any], pool: pd.DataFrame, rows: pd.DataFrame) -> str:
    """Which part of a selection has no run: a value that never ran, or only not together with the others."""
    apart = False
    for key, wanted in selection.items():
        for option in wanted if isinstance(wanted, list) else [wanted]:
            if not matches(pool, {key: option}).any():
                return f"matches no run with {key} {show(option)}"
            if not matches(rows, {key: option}).any():
                apart = True
    return "has no run of that combination" if apart else ""


def _asked(key: str, selection: Mapping[str, Any]) -> str:
    """The name under which a selection holds a column, which may be the bare group."""
    return next((asked for asked in selection if column_of(asked) == key), key)
