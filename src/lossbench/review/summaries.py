"""What the runs of an experiment say about each condition: the content of its summary run.

A condition is a data set, a loss and a value of every axis of the experiment. Its numbers are those of the
learning rate that validation chose, by the same rules as in the report.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from lossbench.data.baseline import called
from lossbench.review.summary import Compared, Curves, Summary
from lossbench.verdicts import choose
from lossbench.verdicts.baselines import RECORD, Baselines
from lossbench.verdicts.conditions import DONE, LOSS, SEED, Layout, label, parameters, tidy
from lossbench.verdicts.contenders import slices
from lossbench.verdicts.results import metrics_of, results
from lossbench.verdicts.same_data import DATA, sets_of
from lossbench.verdicts.spelling import spelled
from lossbench.verdicts.statistics import paired_interval
from lossbench.verdicts.tuned import restored

# What a summary shows of its runs, by the same names. MLflow's chart view opens its sections by alphabet, and
# the first to be seen is what losses are compared by.
_SHOWN = ("test/", "test_cross/", "val_best/")
Histories = Callable[[Sequence[str], str], pd.DataFrame]


def compare(
    found: pd.DataFrame,
    choosing: Callable[[pd.DataFrame], tuple[str, str]],
    histories: Histories,
    baselines: pd.DataFrame | None = None,
) -> list[Compared]:
    """Summaries of all runs of an experiment, data set by data set, losses in the order of the report.

    choosing: judging and selecting metric for the runs of one data set.
    baselines: their records, as they were read.
    """
    several = len(set(found[DATA])) > 1
    compared = []
    for data, alike in found.groupby(DATA, sort=False):
        # Runs on different data are no seeds of one condition; those that a report compares come first.
        for place, part in enumerate(sets_of(alike.reset_index(drop=True))):
            own = tidy(part.runs)
            judge, select = choosing(own)
            layout = Layout.of(own)
            other = f", {part.name}" if place else ""
            ending = (f", {data}" if several else "") + other
            made = _summaries(own, layout, judge, select, histories, other, ending)
            beside = Baselines.of(part.runs, baselines)
            made += _of_baselines(own, layout, judge, beside, (other, ending))
            compared.append(Compared(str(data), judge, select, layout.axes, tuple(made), metrics_of(own)))
    return compared


def _summaries(
    runs: pd.DataFrame, layout: Layout, judge: str, select: str, histories: Histories, other: str, ending: str
) -> list[Summary]:
    ranked = choose.rates(runs, layout, select)
    chosen = _with_results(choose.chosen(runs, ranked, layout), layout)
    curves = _mean_curves(chosen, layout, histories)
    rates, all_runs = _by_condition(ranked, layout), _by_condition(runs, layout)
    numbers = Counter(chosen[layout.keys].drop_duplicates()[LOSS])
    made: list[Summary] = []
    for key, rows in _by_condition(chosen, layout).items():
        first, members = rows.iloc[0], all_runs[key]
        data, loss = str(first[DATA]), str(first[LOSS])
        made.append(
            Summary(
                key=f"summary {data} {key}{other}",
                name=label(dict(first), layout.keys) + ending,
                loss=loss,
                data=data,
                params=_common_params(rows),
                metrics=_metrics(rows, judge) | _counts(rows, members),
                curves=curves.get(key, {}),
                rates=rates[key],
                members=tuple(members["run_id"]),
                chosen=tuple(rows["run_id"]),
                shade=(sum(one.loss == loss for one in made), numbers[loss]),
            )
        )
    return made


def _of_baselines(
    runs: pd.DataFrame, layout: Layout, judge: str, beside: Baselines, endings: tuple[str, str]
) -> list[Summary]:
    """One for each baseline and value of the axes of the data; the endings of its key and of its name."""
    made = []
    for where, rows in slices(runs, [axis for axis in layout.axes if axis.startswith("data.")]):
        params = {name: text for name, text in _common_params(rows).items() if name.startswith("data.")}
        for name, records in beside.records(rows).items():
            own, ids = records.assign(outcome="finished"), tuple(records[RECORD])
            title = ", ".join(filter(None, (called(name), where)))
            made.append(
                Summary(
                    key=f"summary {params['data.name']} {title}{endings[0]}",
                    name=f"{title}{endings[1]}",
                    loss="",
                    data=params["data.name"],
                    params=params,
                    metrics=_metrics(own, judge) | _counts(own, own),
                    curves={},
                    rates=pd.DataFrame(),
                    members=ids,
                    chosen=ids,
                    shade=(0, 1),
                    baseline=name,
                )
            )
    return made


def _by_condition(rows: pd.DataFrame, layout: Layout) -> dict[str, pd.DataFrame]:
    """Rows of each condition under a text that names it exactly, in their order."""
    keys = rows[layout.keys].apply(_exact, axis="columns")
    return {str(key): part for key, part in rows.groupby(keys, sort=False)}


def _exact(condition: pd.Series[Any]) -> str:
    # A param that a run has not is None in one table and nan in another.
    texts = {str(name): None if pd.isna(value) else str(spelled(value)) for name, value in condition.items()}
    return json.dumps(texts)


def _with_results(chosen: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The rows with their results as the report counts them: a diverged run is as bad as the worst one."""
    names = [name for name in chosen.columns if name.startswith(("test/", "test_cross/"))]
    counted = chosen.copy()
    for _, rows in slices(chosen, layout.axes):
        for name in names:
            counted.loc[rows.index, name] = results(rows, name)
    return counted


def _metrics(rows: pd.DataFrame, judge: str) -> dict[str, float]:
    """Means over seeds, and the 95% intervals of the means of test metrics where there are two seeds.

    The judging metric comes first, because MLflow's page that compares runs opens on the first.
    """
    metrics: dict[str, float] = {}
    finished = rows[rows["outcome"] == "finished"]
    for column in sorted(rows.columns, key=lambda column: column != f"test/{judge}"):
        kind, _, name = column.partition("/")
        if not column.startswith(_SHOWN):
            continue
        values = (finished if kind == "val_best" else rows)[column].dropna().to_numpy(float)
        if not len(values):
            continue
        metrics[column] = _rounded(values.mean())
        if kind == "test" and len(values) > 1:
            interval = paired_interval(values)
            metrics[f"test_interval/{name}_low"] = _rounded(interval.low)
            metrics[f"test_interval/{name}_high"] = _rounded(interval.high)
    return metrics


def _rounded(value: Any) -> float:
    """To six digits, because MLflow's tables show all that there are."""
    return float(f"{float(value):.6g}")


def _counts(rows: pd.DataFrame, members: pd.DataFrame) -> dict[str, float]:
    """Seeds with a result at the chosen rate, those of them that diverged; failed runs at any rate."""
    return {
        "total/seeds": float(rows.loc[rows["outcome"].isin(DONE), SEED].nunique()),
        "total/diverged": float((rows["outcome"] == "diverged").sum()),
        "total/failed": float((~members["outcome"].isin(DONE)).sum()),
    }


def _common_params(rows: pd.DataFrame) -> dict[str, str]:
    rows = restored(rows)
    names = [name for name in parameters(rows) if name != SEED and len(rows[name].unique()) == 1]
    return {name: str(spelled(rows[name].iloc[0])) for name in names if rows[name].notna().all()}


def _mean_curves(chosen: pd.DataFrame, layout: Layout, histories: Histories) -> dict[str, Curves]:
    """The mean of each curve over the finished seeds of each condition.

    Seeds that stopped early are missing at later epochs; a mean is drawn as long as half of them train.
    """
    finished = chosen[chosen["outcome"] == "finished"]
    if finished.empty:
        return {}
    condition = finished[layout.keys].apply(_exact, axis="columns")
    of_run = dict(zip(finished["run_id"], condition, strict=True))
    seeds = Counter(condition)
    curves: dict[str, Curves] = {}
    for name in [name for name in finished.columns if name.startswith(("train/", "val/"))]:
        points = histories(finished["run_id"].tolist(), name)
        keys = points["run_id"].map(of_run)
        for key, own in points.groupby(keys, sort=False):  # none of a curve of another data set
            means = own.groupby("step")["value"].agg(["mean", "count"])
            enough = means.loc[means["count"] * 2 >= seeds[str(key)], "mean"]
            if len(enough):
                curve = list(zip(map(int, enough.index), map(_rounded, enough), strict=True))
                curves.setdefault(str(key), {})[name] = curve
    return curves
