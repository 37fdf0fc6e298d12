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

from lossbench.verdicts.conditions import LOSS, RATE, SEED, Layout, higher_is_better, results
from lossbench.verdicts.statistics import Floats, paired_interval


def shares(rates: int, tried: int) -> Floats:
    """The chance of each rank, best first, to be the best of `tried` out of `rates`."""
    return np.array([comb(rates - 1 - rank, tried - 1) for rank in range(rates)]) / comb(rates, tried)


def budget_curves(runs: pd.DataFrame, ranked: pd.DataFrame, layout: Layout, metric: str) -> pd.DataFrame:
    """One row per condition and number of tried rates: `tried`, and `mean`, `low`, `high` over seeds (95%).

    Args:
        runs: the tidy frame.
        ranked: of `choose.rates`.
        layout: what is compared.
        metric: a test metric, without `test/`.
    """
    frame = runs.assign(value=results(runs, f"test/{metric}"))
    rows: list[dict[str, Any]] = []
    for _, rates in ranked.groupby(layout.keys, dropna=False, sort=False):
        condition = {key: rates[key].iloc[0] for key in layout.keys}
        own = frame.merge(rates[[*layout.keys, RATE]], on=[*layout.keys, RATE])
        table = own.pivot_table(index=SEED, columns=RATE, values="value").reindex(columns=rates[RATE])
        values = table.dropna().to_numpy()
        if not len(values):
            continue
        for tried in range(1, len(rates) + 1):
            interval = paired_interval(values @ shares(len(rates), tried))
            numbers = (interval.estimate, interval.low, interval.high)
            rows.append(
                {**condition, "tried": tried, **dict(zip(("mean", "low", "high"), numbers, strict=True))}
            )
    columns = [*layout.keys, "tried", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype({"mean": float, "low": float, "high": float})


@dataclass(frozen=True)
class Crossing:
    """`better` overtakes `worse` once `tried` rates are tried; `where` names the rest of the condition.

    leads: whether the one overtaken was the best of all losses until then, and the other one is from there on
    """

    where: dict[str, Any]
    better: str
    worse: str
    tried: int
    leads: bool = False


def crossings(curves: pd.DataFrame, layout: Layout, metric: str) -> list[Crossing]:
    """Where the order of two losses turns as the budget grows, by the mean curves."""
    sign = 1.0 if higher_is_better(metric) else -1.0
    found = []
    groups = curves.groupby(list(layout.axes), dropna=False, sort=False) if layout.axes else [((), curves)]
    for key, rows in groups:
        where = dict(zip(layout.axes, key if isinstance(key, tuple) else (key,), strict=True))
        table = sign * rows.pivot_table(index="tried", columns=LOSS, values="mean")
        leaders = dict(zip(table.index, table.idxmax(axis="columns"), strict=True))
        for one, other in combinations([loss for loss in layout.losses if loss in table], 2):
            lead = (table[one] - table[other]).dropna()
            for (earlier, before), (tried, after) in pairwise(lead[lead != 0].items()):
                if before * after < 0:
                    better, worse = (one, other) if after > 0 else (other, one)
                    leads = leaders[earlier] == worse and leaders[tried] == better
                    found.append(Crossing(where, better, worse, int(str(tried)), bool(leads)))
    return found
