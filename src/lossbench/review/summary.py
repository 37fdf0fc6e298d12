"""What a summary run tells of a condition, and the runs of a data set that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from lossbench.metrics.measure import Metric

Curves = dict[str, list[tuple[int, float]]]


@dataclass(frozen=True)
class Summary:
    """One condition, as its summary run tells it.

    loss:    empty of a baseline, whose summary stands below those of the losses on its data
    key:     the same whenever the same condition is summarised
    name:    `huber, contamination 0.2`
    params:  what all its runs at the chosen rate have in common, that rate among them
    metrics: means over seeds, the judging one first: `test/...`, `test_interval/..._low` and `_high`,
             `test_cross/...`, `val_best/...`; numbers of runs: `total/...`
    shade:   place among the conditions of its loss, and their number
    curves:  means over seeds
    rates:   a row per learning rate, of `choose.rates`; none of a baseline
    members: ids of all its runs; chosen: those at the chosen rate
    """

    key: str
    name: str
    loss: str
    data: str
    params: dict[str, str]
    metrics: dict[str, float]
    curves: Curves
    rates: pd.DataFrame
    members: tuple[str, ...]
    chosen: tuple[str, ...]
    shade: tuple[int, int]
    baseline: str = ""


@dataclass(frozen=True)
class Compared:
    """The runs of an experiment on one data set.

    judge, select: test metric that judges, validation metric that chose the learning rates
    axes: params that vary besides loss, rate and seed
    metrics: of its runs, by name
    """

    data: str
    judge: str
    select: str
    axes: tuple[str, ...]
    summaries: tuple[Summary, ...]
    metrics: Mapping[str, Metric]
