"""The tuning budget: what each loss reaches on test as the number of tried learning rates grows.

Someone with a budget of k rates tries k of the K that were run, all subsets being equally likely, and keeps
the best on validation. The expected test result is computed exactly from finished runs: with the rates
ranked by validation, the one of rank r (from 0) is the best of C(K-1-r, k-1) of the C(K, k) subsets.
Follows Dodge et al., Show Your Work (EMNLP 2019), who draw with replacement.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from lossbench.verdicts.conditions import LOSS, SEED, TRIAL, Layout
from lossbench.verdicts.results import results
from lossbench.verdicts.statistics import Floats, paired_interval


def shares(rates: int, tried: int) -> Floats:
    """The chance of each rank, best first, to be the best of `tried` out of `rates`."""
    return np.array([comb(rates - 1 - rank, tried - 1) for rank in range(rates)]) / comb(rates, tried)


def budget_by_seed(runs: pd.DataFrame, ranked: pd.DataFrame, layout: Layout, metric: str) -> pd.DataFrame:
    """What a test metric (no prefix) reaches: a row per condition, number of tried rates and seed.

    Its columns are `tried`, `seed`, `value`; `ranked` is of `choose.rates`.
    """
    frame = runs.assign(value=results(runs, f"test/{metric}"))
    found = [pd.DataFrame(columns=[*layout.keys, "tried", SEED, "value"])]
    for _, rates in ranked.groupby(layout.keys, dropna=False, sort=False):
        condition = {key: rates[key].iloc[0] for key in layout.keys}
        own = frame.merge(rates[[*layout.keys, *TRIAL, "rank"]], on=[*layout.keys, *TRIAL])
        table = own.pivot_table(index=SEED, columns="rank", values="value")
        table = table.reindex(columns=range(len(rates))).dropna()
        for tried in range(1, len(rates) + 1) if len(table) else ():
            expected = table.to_numpy() @ shares(len(rates), tried)
            found.append(pd.DataFrame({**condition, "tried": tried, SEED: table.index, "value": expected}))
    return pd.concat(found[1:] or found, ignore_index=True)


def budget_curves(by_seed: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """One row per condition and number of tried rates: `tried`, `mean`, `low`, `high` over seeds (95%)."""
    keys, rows = [*layout.keys, "tried"], list[dict[str, Any]]()
    for _, own in by_seed.groupby(keys, dropna=False, sort=False):
        interval = paired_interval(own["value"].to_numpy(float))
        numbers = {"mean": interval.estimate, "low": interval.low, "high": interval.high}
        rows.append({**{key: own[key].iloc[0] for key in keys}, **numbers})
    columns = [*keys, "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype({"mean": float, "low": float, "high": float})


@dataclass(frozen=True)
class Crossing:
    """`better` overtakes `worse`; `where` names the rest of the condition.

    tried: the number of rates from which on its mean is better
    behind: the largest number before at which it is clearly worse: the 95% interval of the difference, paired
        by seed, lies on that side of zero
    ahead: the smallest number after at which it is clearly better
    leads: whether the one overtaken is the best of all losses at the one number, and the other at the other
    """

    where: dict[str, Any]
    better: str
    worse: str
    tried: int
    behind: int
    ahead: int
    leads: bool = False


def crossings(by_seed: pd.DataFrame, layout: Layout, *, higher: bool) -> list[Crossing]:
    """Where the order of two losses clearly turns as the budget grows.

    Mean curves that touch and part again within their bands are no crossing. Rows and layout are those of
    contenders.
    """
    sign = 1.0 if higher else -1.0
    found = []
    groups = by_seed.groupby(list(layout.axes), dropna=False, sort=False) if layout.axes else [((), by_seed)]
    for key, rows in groups:
        where = dict(zip(layout.axes, key if isinstance(key, tuple) else (key,), strict=True))
        values = sign * rows.pivot_table(index="tried", columns=[LOSS, SEED], values="value")
        means = values.T.groupby(level=0).mean().T
        leaders = dict(zip(means.index, means.idxmax(axis="columns"), strict=True))
        for one, other in combinations([loss for loss in layout.losses if loss in means], 2):
            lead = pd.DataFrame(values[one] - values[other]).dropna(axis="columns", how="all").dropna()
            for tried, behind, ahead, turn in _turns(lead):
                better, worse = (one, other) if turn > 0 else (other, one)
                leads = leaders[behind] == worse and leaders[ahead] == better
                found.append(Crossing(where, better, worse, tried, behind, ahead, bool(leads)))
    return found


def _turns(lead: pd.DataFrame) -> list[tuple[int, int, int, int]]:
    """Of a lead, numbers of rates by seeds: `tried`, `behind`, `ahead` and the sign from there on."""
    if lead.shape[1] < 2:
        return []
    interval = paired_interval(lead.to_numpy(float))
    numbers, signs = [int(one) for one in lead.index], np.sign(interval.estimate)
    clear = np.flatnonzero((interval.low > 0) | (interval.high < 0))
    turns = []
    for before, after in pairwise(clear):
        if signs[before] != signs[after]:
            still = max(place for place in range(before, after) if signs[place] != signs[after])
            turns.append((numbers[still + 1], numbers[before], numbers[after], int(signs[after])))
    return turns
