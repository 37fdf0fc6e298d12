"""Everything that a report says, computed from the runs once and then only shown."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from lossbench.claims.claim import Experiment
from lossbench.errors import InputError
from lossbench.verdicts import lopsided, table
from lossbench.verdicts.baselines import Baselines, not_better
from lossbench.verdicts.breakdown import breakdown
from lossbench.verdicts.budget import budget_by_seed, budget_curves, crossings
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.conditions import DONE, LOSS, RATE, SEED, Layout, grid_of, tidy
from lossbench.verdicts.contenders import Contenders, finalists, fixed_knobs
from lossbench.verdicts.decision import Decision
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.family import Family, decisions
from lossbench.verdicts.findings import Report
from lossbench.verdicts.importance import Importance
from lossbench.verdicts.judging import judge, placed
from lossbench.verdicts.looks import Looks, Seeds
from lossbench.verdicts.pair import Tried
from lossbench.verdicts.pairs import Pairs, pairs
from lossbench.verdicts.predictions import Reader
from lossbench.verdicts.ranks import ranks
from lossbench.verdicts.remarks import not_finite, remarks
from lossbench.verdicts.results import first_metric, higher_is_better, metrics_of
from lossbench.verdicts.same_data import on_same_data
from lossbench.verdicts.selecting import assignments
from lossbench.verdicts.sides import run_ids
from lossbench.verdicts.together import Part, by_data, together
from lossbench.verdicts.tuned import restored
from lossbench.verdicts.unended import Histories, Unended, not_ended, unended
from lossbench.verdicts.verdict import Judged


def build(
    experiment: Experiment,
    found: pd.DataFrame,
    select: str | None = None,
    selection: Mapping[str, Any] = MappingProxyType({}),
    histories: Histories | None = None,
    predictions: Reader | None = None,
    looked: frozenset[Seeds] = frozenset(),
    baselines: pd.DataFrame | None = None,
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
        baselines: their records, of `tracking.read_runs`.

    Raises:
        InputError: there is no result to report.
    """
    if found.empty or not found["outcome"].isin(DONE).any():
        raise InputError(
            f"The experiment {experiment.name!r} has no finished run; "
            "run its sweep first (python -m lossbench -m experiment=...), or name it with experiment=."
        )
    found, other_data = on_same_data(found)
    runs, beside = tidy(found), Baselines.of(found, baselines)
    experiment = experiment.measured(metrics_of(runs))
    looks = Looks(frozenset(map(int, runs.loc[runs["outcome"].isin(DONE), SEED])), looked)
    measured = [name.removeprefix("test/") for name in runs.columns if name.startswith("test/")]
    examples = Examples.of(runs, predictions).asked(*measured) if predictions else None
    kept = (histories, examples, looks, beside)

    if len(parts := by_data(experiment, runs, select)) == 1:
        report = _report(kept, Part.of(experiment, runs, select))
    else:
        report = together(experiment, runs, parts, functools.partial(_report, kept), (examples, looks))
    first = (*other_data, *selected(selection), *filter(None, [looks.line()]))
    return replace(report, selection=selection, remarks=(*first, *report.remarks))


def _report(
    kept: tuple[Histories | None, Examples | None, Looks, Baselines],
    part: Part,
    claimed: Sequence[Judged] | None = None,
) -> Report:
    """The report on one data set.

    Args:
        kept: what there is beside results: curves, what test examples contribute, recorded looks, baselines.
        claimed: verdicts on the claims, where they are judged and shown elsewhere.
    """
    histories, examples, looks, beside = kept
    experiment, runs, select = part.experiment, part.runs, part.select
    layout, judged_by = Layout.of(runs), experiment.judge or first_metric(runs, "test/", select)
    choice = Choice(runs, layout, experiment.select, select, examples, looks.alpha)
    ranked, chosen, tried = choice.ranked(select), choice.chosen(select), Tried(choice, select)
    verdicts = judge(experiment.claims, choice) if claimed is None else claimed
    decided = decisions(verdicts, chosen, layout)
    families = functools.cache(lambda metric: Family.of(tried, metric, decided.get(metric)))
    family = families(f"test/{judged_by}")
    own = Pairs(tuple(verdicts)) if experiment.claims else pairs(family, chosen, layout)
    asked = Pairs() if claimed else own
    compared = [run_ids(one.claim, choice) for one in asked.verdicts]
    short, late = _unended({*chosen["run_id"]}.union(*compared), choice, select, histories)
    weak = [*not_ended(short, layout, select), *lopsided.remarks(asked.verdicts)]
    weak += [*remarks(runs, ranked, layout), *not_finite(chosen, layout, judged_by)]
    report = Report(
        experiment=experiment,
        judge=judged_by,
        select=select,
        runs=runs,
        layout=layout,
        ranked=ranked,
        chosen=chosen,
        remarks=tuple(weak),
        verdicts=placed(asked.verdicts, compared, runs, late),
        unended=late,
        contenders=tried.chosen,
        baselines=beside,
        family=family,
        decision=Decision.of(tried, family),
        no_verdicts=asked.none,
        looks=looks,
        in_groups=examples is not None and examples.in_groups,
    )
    return _with_tables(report, families)


def _unended(
    told: Set[str], choice: Choice, select: str, histories: Histories | None
) -> tuple[tuple[Unended, ...], frozenset[str]]:
    """The trials that had not ended, of those to which these runs (ids) belong, and the ids of their runs."""
    if histories is None:
        return (), frozenset()
    trials = choice.runs[choice.runs["run_id"].isin(told)]
    short = unended(trials, choice.layout, select, histories)
    return short, frozenset(name for one in short for name in one.run_ids)


def _with_tables(report: Report, families: table.Families) -> Report:
    """With the tables of results, and what is read off them; first, what is no better than a baseline."""
    runs, ranked, judged_by = report.runs, report.ranked, report.judge
    rows, layout = report.contenders.rows, report.contenders.layout
    by_seed = budget_by_seed(runs, ranked, report.layout, judged_by)
    tries = Contenders.of(by_seed, report.layout).rows
    beaten = not_better(report.contenders, report.family, report.baselines)
    return replace(
        report,
        remarks=(*beaten, *report.remarks),
        finalists=finalists(ranked, report.layout, higher_is_better(runs, report.select or "")),
        knobs=fixed_knobs(runs, report.layout),
        by_axis=tuple(table.axis_tables(rows, layout, judged_by, families, report.baselines)),
        by_metric=tuple(table.metric_tables(rows, layout, families, report.baselines)),
        cross=tuple(table.cross_tables(rows, layout, families)),
        budget=budget_curves(by_seed, report.layout),
        crossings=tuple(crossings(tries, layout, higher=report.family.higher)),
        ranks=ranks(rows, layout, judged_by),
        breakdown=breakdown(report.chosen, report.layout, judged_by),
        importance=Importance.of(ranked, report.layout),
    )


def selected(selection: Mapping[str, Any]) -> list[str]:
    if not selection:
        return []
    return [f"Only the runs with {' '.join(assignments(selection))} are in this report."]


def results_table(report: Report, *first: str) -> pd.DataFrame:
    """`results.csv`: one row per run with what varies, its outcome and its metrics; further columns first."""
    runs, varies = restored(report.runs), [name for name in grid_of(report.runs) if name != SEED]
    always = [name for name in ("data.name", "model.name", LOSS, RATE) if name not in varies]
    metrics = [
        name
        for name in report.runs.columns
        if name.startswith(("test/", "val_best/", "val_choose/", "test_cross/"))
    ]
    about = ["outcome", "reason", "seconds", "lossbench.fingerprint"]
    order = [name for name in [*always, *varies, SEED] if name in report.runs.columns]
    columns = [*first, *order, *(name for name in [*about, *metrics] if name in report.runs.columns)]
    return runs[columns].sort_values(order, kind="stable", ignore_index=True)
