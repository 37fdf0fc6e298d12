"""Everything that a report says, computed from the runs once and then only shown."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from lossbench.claims.claim import Experiment
from lossbench.errors import InputError
from lossbench.verdicts import lopsided, remarks, table
from lossbench.verdicts.breakdown import breakdown
from lossbench.verdicts.budget import budget_by_seed, budget_curves, crossings
from lossbench.verdicts.choose import Choice, rates
from lossbench.verdicts.claimed import Claimed, decisions
from lossbench.verdicts.conditions import DONE, SEED, Layout, grid_of, label, tidy
from lossbench.verdicts.contenders import Contenders, finalists, fixed_knobs
from lossbench.verdicts.decision import Decision
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.family import Family
from lossbench.verdicts.findings import Report
from lossbench.verdicts.judging import judge, placed
from lossbench.verdicts.looks import Looks, Seeds
from lossbench.verdicts.pair import Tried
from lossbench.verdicts.pairs import Pairs, pairs
from lossbench.verdicts.predictions import Reader
from lossbench.verdicts.ranks import ranks
from lossbench.verdicts.results import first_metric, higher_is_better, lost, metrics_of, select_of
from lossbench.verdicts.same_data import on_same_data
from lossbench.verdicts.selecting import assignments
from lossbench.verdicts.sides import run_ids
from lossbench.verdicts.together import by_data, together
from lossbench.verdicts.unended import Histories, not_ended, unended
from lossbench.verdicts.verdict import Judged


def build(
    experiment: Experiment,
    found: pd.DataFrame,
    select: str | None = None,
    selection: Mapping[str, Any] = MappingProxyType({}),
    histories: Histories | None = None,
    predictions: Reader | None = None,
    looked: frozenset[Seeds] = frozenset(),
) -> Report:
    """Choose learning rates, make tables and judge claims.

    Args:
        experiment: checked; its `judge` and `select` may be None.
        found: of `tracking.read_runs`.
        select: the selection metric of the data set, where the experiment names none.
        selection: what `found` was filtered by, so that the report says so.
        histories: reads curves; without it nothing is said of training that had not ended.
        predictions: reads those of a run, so that verdicts hold for new examples; without it seeds alone
            speak.
        looked: the seeds of each recorded report on them.

    Raises:
        InputError: there is no result to report.
    """
    if found.empty or not found["outcome"].isin(DONE).any():
        raise InputError(
            f"The experiment {experiment.name!r} has no finished run; "
            "run its sweep first (python -m lossbench -m experiment=...), or name it with experiment=."
        )
    found, other_data = on_same_data(found)
    runs = tidy(found)
    experiment = experiment.measured(metrics_of(runs))
    looks = Looks(frozenset(map(int, runs.loc[runs["outcome"].isin(DONE), SEED])), looked)
    first = (*other_data, *selected(selection), *filter(None, [looks.line()]))
    measured = [name.removeprefix("test/") for name in runs.columns if name.startswith("test/")]
    examples = Examples.of(runs, predictions).asked(*measured) if predictions else None
    if len(parts := by_data(experiment, runs)) == 1:
        kept = (histories, examples, looks)
        return _report(experiment, runs, select, kept, first, selection=selection)

    def one(own: Experiment, part: pd.DataFrame, claimed: Sequence[Judged] | None = None) -> Report:
        kept = (histories, examples, looks)
        return _report(own, part, select_of(part) or select, kept, claimed=claimed)

    return replace(
        together(experiment, runs, parts, one, first, (examples, looks.alpha)), selection=selection
    )


def _report(
    experiment: Experiment,
    runs: pd.DataFrame,
    select: str | None,
    kept: tuple[Histories | None, Examples | None, Looks],
    first: Sequence[str] = (),
    *,
    selection: Mapping[str, Any] = MappingProxyType({}),
    claimed: Sequence[Judged] | None = None,
) -> Report:
    """The report on one data set.

    Args:
        experiment, select, selection: as for `build`.
        runs: tidy.
        kept: what runs kept beside their results: curves, what test examples contribute, recorded looks.
        first: remarks that come before all others.
        claimed: verdicts on the claims, where they are judged and shown elsewhere.
    """
    histories, examples, looks = kept
    layout = Layout.of(runs)
    select = experiment.select or first_metric(runs, "best/", experiment.judge, select)
    judged_by = experiment.judge or first_metric(runs, "test/", select)
    choice = Choice(runs, layout, experiment.select, select, examples, looks.alpha)
    ranked, tried = rates(runs, layout, select), Tried(choice, select)
    chosen, rows = choice.chosen(select), tried.chosen
    verdicts = judge(experiment.claims, choice) if claimed is None else list(claimed)
    families = _families(tried, decisions(verdicts, chosen, layout))
    family = families(f"test/{judged_by}")
    asked = Pairs(tuple(verdicts)) if experiment.claims else pairs(family, chosen, layout)
    asked = Pairs() if claimed else asked
    compared = [run_ids(one.claim, choice) for one in asked.verdicts]
    trials = runs[runs["run_id"].isin({*chosen["run_id"], *itertools.chain(*compared)})]
    short = unended(trials, layout, select, histories) if histories else ()
    late = {name for one in short for name in one.run_ids}
    by_seed = budget_by_seed(runs, ranked, layout, judged_by)
    return Report(
        experiment=experiment,
        judge=judged_by,
        select=select,
        runs=runs,
        layout=layout,
        ranked=ranked,
        chosen=chosen,
        remarks=(
            *first,
            *not_ended(short, layout, select),
            *lopsided.remarks(asked.verdicts),
            *remarks.remarks(runs, ranked, layout),
            *_not_finite(chosen, layout, judged_by),
        ),
        verdicts=placed(asked.verdicts, compared, late, runs),
        unended=frozenset(late),
        contenders=rows,
        family=family,
        decision=Decision.of(tried, family),
        finalists=finalists(ranked, layout, higher_is_better(runs, select)),
        knobs=fixed_knobs(runs, layout),
        by_axis=tuple(table.axis_tables(rows.rows, rows.layout, judged_by, families)),
        by_metric=tuple(table.metric_tables(rows.rows, rows.layout, families)),
        cross=tuple(table.cross_tables(rows.rows, rows.layout, families)),
        budget=budget_curves(by_seed, layout),
        crossings=tuple(crossings(Contenders.of(by_seed, layout).rows, rows.layout, higher=family.higher)),
        ranks=ranks(rows.rows, rows.layout, judged_by),
        breakdown=breakdown(chosen, layout, judged_by),
        no_verdicts=asked.none,
        selection=selection,
        looks=looks,
    )


def _families(tried: Tried, claimed: Mapping[str, Claimed]) -> Callable[[str], Family]:
    """The pairs of each metric, compared once."""
    return functools.cache(lambda metric: Family.of(tried, metric, claimed.get(metric)))


def _not_finite(chosen: pd.DataFrame, layout: Layout, judged_by: str) -> list[str]:
    """Runs that ended, but with an infinite or undefined result: they count as the worst, so it is said."""
    rows = chosen[(chosen["outcome"] == "finished") & lost(chosen, f"test/{judged_by}")]
    counts = rows.groupby(layout.keys, dropna=False, sort=False).size().reset_index(name="runs")
    parts = [f"{label(row, layout.keys)}: {row['runs']}" for row in counts.to_dict("records")]
    if not parts:
        return []
    what = f"Runs whose test {judged_by} is infinite or no number"
    return [f"{what} count as the worst result seen: {remarks.several(parts)}."]


def selected(selection: Mapping[str, Any]) -> list[str]:
    if not selection:
        return []
    return [f"Only the runs with {' '.join(assignments(selection))} are in this report."]


def results_table(report: Report) -> pd.DataFrame:
    """`results.csv`: one row per run with what varies, its outcome and its metrics."""
    varies = [name for name in grid_of(report.runs) if name != SEED]
    always = [name for name in ("data.name", "model.name", "loss.name", "optimizer.lr") if name not in varies]
    metrics = [
        name for name in report.runs.columns if name.startswith(("test/", "best/", "choose/", "cross/"))
    ]
    about = ["outcome", "reason", "seconds", "lossbench.fingerprint"]
    columns: Sequence[str] = [
        name for name in [*always, *varies, SEED, *about, *metrics] if name in report.runs.columns
    ]
    order = [name for name in [*always, *varies, SEED] if name in report.runs.columns]
    return report.runs[list(columns)].sort_values(order, kind="stable", ignore_index=True)
