"""The two sides of a claim: results by seed, paired; or the reason why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lossbench.counting import counted
from lossbench.report.claims import Claim
from lossbench.report.conditions import DONE, RATE, SEED, Layout, column_of, lost, matches, results
from lossbench.report.spelling import show
from lossbench.report.statistics import Floats

_EMPTY = pd.Series(dtype=float)


@dataclass(frozen=True)
class Sides:
    """Results of both sides by the seeds that both have.

    sign: 1 where more of the metric is better, else -1
    note: why there can be no verdict; the results are then empty
    """

    left: pd.Series[float]
    right: pd.Series[float]
    sign: float
    note: str = ""

    @property
    def differences(self) -> Floats:
        """Left minus right, (seeds,), positive where left is better."""
        return self.sign * np.asarray(self.left.to_numpy(float) - self.right.to_numpy(float))

    @property
    def usable(self) -> bool:
        """Whether there is anything to test."""
        return len(self.left) > 1 and not self.note


def sides_of(claim: Claim, runs: pd.DataFrame, chosen: pd.DataFrame, layout: Layout) -> Sides:
    """Both sides of a claim, paired by seed.

    Args:
        claim: what is compared.
        runs: the tidy frame; read only where a side fixes the learning rate.
        chosen: the runs at the chosen rates.
        layout: what the experiment compares.
    """
    sign = 1.0 if claim.higher_is_better else -1.0
    pools = (runs, chosen)
    sides, diverged = [], 0
    for name, selection in (("left", claim.left), ("right", claim.right)):
        side = _side(selection, claim, pools, layout)
        values, note = side.by_seed, side.note
        if not note and claim.change_from:
            start = _side({**selection, **claim.change_from}, claim, pools, layout)
            values, note = (values - start.by_seed).dropna(), start.note
            if start.lost:
                gone = counted(start.lost, "seed")
                note = f"diverged at the baseline with {gone}, so its change means nothing"
        if note:
            return Sides(_EMPTY, _EMPTY, sign, f"the {name} side {note}")
        sides.append(values)
        diverged += side.lost
    if diverged and _same_but_for_data(claim):
        note = f"{counted(diverged, 'seed')} diverged, so how this loss changes with the data cannot be told"
        return Sides(_EMPTY, _EMPTY, sign, note)
    left, right = sides
    shared = left.index.intersection(right.index)
    return Sides(left.loc[shared], right.loc[shared], sign)


def _same_but_for_data(claim: Claim) -> bool:
    """Whether a claim compares one loss with itself on other data.

    Either side may then be the baseline, where a run that diverged, as the worst, would speak for its loss.
    """
    rest = [
        {key: value for key, value in side.items() if column_of(key).split(".")[0] != "data"}
        for side in (claim.left, claim.right)
    ]
    return rest[0] == rest[1]


def run_ids(claim: Claim, runs: pd.DataFrame, chosen: pd.DataFrame) -> set[str]:
    """The runs that a claim compares, baselines among them."""
    found: set[str] = set()
    starts = [{}, claim.change_from] if claim.change_from else [{}]
    for side in (claim.left, claim.right):
        for start in starts:
            selection = {**side, **start}
            pool = runs if RATE in selection else chosen
            found |= set(pool.loc[matches(pool, selection), "run_id"].astype(str))
    return found


@dataclass(frozen=True)
class _Side:
    """Results by seed of one side; why there are none; how many of its seeds diverged."""

    by_seed: pd.Series[float]
    note: str = ""
    lost: int = 0


def _side(
    selection: Mapping[str, Any], claim: Claim, pools: tuple[pd.DataFrame, pd.DataFrame], layout: Layout
) -> _Side:
    """One side, from all runs where it fixes the learning rate, else from those at the chosen one."""
    runs, chosen = pools
    fixed = RATE in selection
    pool = runs if fixed else chosen
    rows = pool[matches(pool, selection)]
    if note := _missing(selection, pool, rows):
        return _Side(_EMPTY, note)
    free = [
        key
        for key in (*layout.keys, *([RATE] if fixed else []))
        if not isinstance(selection.get(_asked(key, selection)), list) and len(rows[key].unique()) > 1
    ]
    if free:
        return _Side(_EMPTY, f"is more than one condition, it leaves {' and '.join(free)} open")
    metric = f"test/{claim.metric}"
    among = pd.concat([chosen, rows]) if fixed else chosen
    by_seed = rows.assign(value=results(rows, metric, among)).groupby(SEED)["value"]
    complete = by_seed.count() == rows.groupby([*layout.keys, RATE], dropna=False).ngroups
    values = by_seed.mean()[complete]
    if len(values):
        return _Side(values, lost=int(rows.loc[lost(rows, metric), SEED].nunique()))
    finished = rows["outcome"].isin(DONE).any()
    return _Side(_EMPTY, f"does not define {claim.metric}" if finished else "has no finished run")


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
