"""Summary runs and saved views of an experiment, made from its runs; later ones replace earlier ones."""

from __future__ import annotations

import functools
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing

import pandas as pd

from lossbench import palette
from lossbench.claims.declared import load_experiment
from lossbench.review import forest
from lossbench.review.answer_note import measured
from lossbench.review.notes import describe
from lossbench.review.summaries import compare
from lossbench.review.summary import Compared, Summary
from lossbench.review.views import CHOSEN, CONDITION, views
from lossbench.tracking import baselines, read_histories, read_runs, runs
from lossbench.tracking.address import parse
from lossbench.tracking.journal import Entry, Opening
from lossbench.tracking.reader import load, reading
from lossbench.tracking.records import Record
from lossbench.tracking.runs import RunResult
from lossbench.tracking.store import writer
from lossbench.tracking.writer import Writer
from lossbench.verdicts.conditions import loss_order
from lossbench.verdicts.results import first_metric, select_of

SUMMARY = "summary"
PARENT = "mlflow.parentRunId"
_IMAGES = "mlflow.loggedImages"  # MLflow looks for images where it is set
_BELOW = ("member", baselines.KIND)  # the kinds of what stands below summaries


def refresh(uri: str, experiment: str, judge: str | None = None, select: str | None = None) -> list[str]:
    """Make the summary runs of an experiment, put its runs below them, and write its saved views.

    Args:
        judge, select: test metric that judges and validation metric that chooses; where they are not given,
            those of the experiment's YAML, else of the data set.

    Returns:
        The ids of the summary runs; none where no run has a result yet.

    Raises:
        InputError: the address cannot be read.
    """
    found = read_runs(uri, experiment)
    if found.empty or not found["outcome"].isin(runs.COUNTED).any():
        return []
    declared = load_experiment(experiment)
    metrics_of = functools.partial(_metrics_of, judge or declared.judge, select or declared.select)
    beside = read_runs(uri, experiment, (baselines.KIND,))
    compared = compare(found, metrics_of, functools.partial(read_histories, uri), beside)
    address, now = parse(uri), time.time_ns() // 1_000_000
    pairs = [(summary, one) for one in compared for summary in one.summaries]
    colors = palette.colors(sorted({summary.loss for summary, _ in pairs}, key=loss_order))
    entries = [_entry(*pair, experiment, now, place, colors) for place, pair in enumerate(pairs)]
    told = {runs.NOTE: measured(compared, uri, experiment)}
    with closing(writer(address)) as writing:
        run_ids = writing.replace(entries, SUMMARY, experiment)
        _draw(writing, compared, entries, run_ids)
        keys = pd.concat([own.set_index("run_id")["key"] for own in (found, beside)]).to_dict()
        below = load(address, experiment, briefly=True)
        _nest(writing, below, [summary for summary, _ in pairs], run_ids, keys)
        writing.mark_experiment(experiment, views(compared, now) | told)
    return run_ids


def outdated(uri: str) -> list[str]:
    """Experiments with runs that ended after their summaries were made."""
    with reading(parse(uri)) as records:
        times = records.times(None)
    trained: dict[str, int] = {}
    for (name, kind), (_, ended) in times.items():
        if kind in _BELOW:
            trained[name] = max(trained.get(name, 0), ended)
    return sorted(name for name, ended in trained.items() if ended > times.get((name, SUMMARY), (0, 0))[1])


def _metrics_of(judge: str | None, select: str | None, found: pd.DataFrame) -> tuple[str, str]:
    """The judging and the selecting metric for the runs of one data set, as in the report.

    What is judged by a metric is chosen by it, too, unless another is named; else the data set chooses.
    """
    selecting = first_metric(found, "val_best/", select, judge, select_of(found))
    return first_metric(found, "test/", judge, selecting), selecting


def _entry(
    summary: Summary, compared: Compared, experiment: str, now: int, place: int, colors: Mapping[str, str]
) -> Entry:
    nth, number = summary.shade
    tags = {
        runs.KEY: summary.key,
        runs.KIND: SUMMARY,
        runs.EXPERIMENT: experiment,
        "lossbench.data": summary.data,
        runs.NOTE: describe(summary, compared),
    }
    if summary.baseline:
        tags |= {runs.BASELINE: summary.baseline, runs.RUN_COLOR: palette.BASELINE}
    else:
        tags |= {runs.LOSS: summary.loss, runs.RUN_COLOR: palette.shades(colors[summary.loss], number)[nth]}
    started = now - place  # MLflow lists what started last first
    opening = Opening(experiment, summary.name, summary.params, tags, started, None)
    # Metrics as the curves of one point that they become, so that they are stored before the curves, and the
    # judging one before all: MLflow's page that compares runs opens on what it finds first.
    points = {name: [(0, value)] for name, value in summary.metrics.items()}
    result = RunResult("", "finished", history=points | summary.curves)
    return Entry(opening, result, started, created=True)


def _draw(
    writing: Writer, compared: Sequence[Compared], entries: Sequence[Entry], run_ids: Sequence[str]
) -> None:
    """Store the means of each data set with their intervals as an image, with the best of its summaries."""
    start = 0
    for one in compared:
        own = slice(start, start := start + len(one.summaries))
        colors = [entry.opening.tags[runs.RUN_COLOR] for entry in entries[own]]
        if images := forest.files(one, colors):
            best = forest.rows(one, colors)[0].name
            run_id = run_ids[own][[summary.name for summary in one.summaries].index(best)]
            writing.keep(run_id, images)
            writing.mark([run_id], {_IMAGES: "True"})


def _nest(
    writing: Writer,
    records: Collection[Record],
    summaries: Sequence[Summary],
    run_ids: Sequence[str],
    key_of: Mapping[str, str],
) -> None:
    """Put every run below the summary of its condition, replaced ones too; mark those at chosen rates."""
    # A record that was replaced has the key of the one that counts.
    by_key: dict[str, set[str]] = {}
    for record in records:
        if record.tags.get(runs.KIND) in _BELOW:
            by_key.setdefault(record.tags.get(runs.KEY, ""), set()).add(record.run_id)
    for summary, parent in zip(summaries, run_ids, strict=True):
        chosen = set(summary.chosen)
        members = set(summary.members).union(*(by_key.get(key_of[one], ()) for one in summary.members))
        tags = {PARENT: parent, CONDITION: summary.name}
        writing.mark(sorted(chosen), {**tags, CHOSEN: "true"})
        writing.mark(sorted(members - chosen), {**tags, CHOSEN: "false"})
