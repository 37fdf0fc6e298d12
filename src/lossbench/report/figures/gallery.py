"""Which figures a report has, in the order in which they are shown."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lossbench.report.figures import comparisons, seen, trends
from lossbench.report.figures.codes import images_of_codes, plane
from lossbench.report.figures.drawn import Drawn, Parts, conditions
from lossbench.report.figures.files import content, png
from lossbench.report.figures.predicted import (
    predicted_boxes,
    predicted_classes,
    predicted_embeddings,
    predicted_maps,
    predicted_values,
)
from lossbench.report.figures.rewards import rewards_by_distance
from lossbench.report.figures.style import FEWEST_FOR_BAND, axis_name
from lossbench.report.picture import Picture
from lossbench.report.words import cross_line, where
from lossbench.tracking import read_histories
from lossbench.verdicts.conditions import RATE
from lossbench.verdicts.contenders import Contenders
from lossbench.verdicts.results import INFINITE, metric_of, metrics_of, results
from lossbench.verdicts.table import main_axis
from lossbench.verdicts.together import prefix

if TYPE_CHECKING:
    from lossbench.metrics.measure import Metric
    from lossbench.verdicts.findings import Report

Part = Callable[["Report", str], Iterator[Drawn]]
"""Draws what a report has data for, given the tracking address."""


def draw(report: Report, uri: str, *, pixels: bool = False) -> dict[str, Picture]:
    """Figures by file name; those for which the report has no data are not there.

    A figure that cannot be drawn is left out with a warning: a report never fails for a picture.

    pixels: all as PNGs, whatever their names end in.
    """
    if not report.sections:
        return _drawn(report, uri, PARTS, pixels)
    shared = (_claims,) if report.experiment.claims else ()
    pictures = _drawn(report, uri, (*shared, _ranks), pixels)
    for one in report.sections:
        found = _drawn(one, uri, [part for part in PARTS if part not in shared], pixels)
        pictures |= {
            f"{prefix(one.section)}{name}": picture.of(one.section) for name, picture in found.items()
        }
    return pictures


def _drawn(report: Report, uri: str, parts: Sequence[Part], pixels: bool) -> dict[str, Picture]:
    pictures: dict[str, Picture] = {}
    for part in parts:
        try:
            for drawn in part(report, uri):
                name, shades = drawn.name, drawn.shades
                file = png(drawn.figure, shades) if pixels else content(drawn.figure, name, shades)
                pictures[name] = Picture(file, drawn.caption, drawn.alt)
        except Exception as error:
            name = part.__name__.strip("_").replace("_", " ")
            warnings.warn(f"No figure of {name}: {type(error).__name__}: {error}", stacklevel=2)
    return pictures


def _headline(report: Report, uri: str) -> Iterator[Drawn]:
    """The judged metric: against the main axis where it is a number, else loss by loss."""
    rows = report.chosen.assign(value=results(report.chosen, f"test/{report.judge}"))
    if rows["value"].notna().sum() == 0:
        return
    name, axis = _judge(report).shown, main_axis(report.layout)
    rate, among = _rate(report, "each loss's"), report.layout.losses
    if axis and _numeric(report.layout.levels[axis]):
        parts, some = conditions(rows, [key for key in report.layout.axes if key != axis])
        text = f"Test {name} against {axis_name(axis)}: {_spread(report)} {rate}{some}."
        figure = trends.against_axis(parts, axis, _judge(report), among)
        what, before = f"Mean test {name}", f"{axis_name(axis)} "
        yield Drawn("metric_by_axis.svg", figure, text, seen.ends(what, parts, axis, "value", before))
    else:
        parts, some = conditions(rows, report.layout.axes)
        text = f"Test {name}: {_spread(report, 'interval')} {rate}; a tick is a seed{some}."
        figure = comparisons.dots(parts, _judge(report), among)
        yield Drawn("metric.svg", figure, text, seen.dots(parts, _judge(report)))


def _judge(report: Report) -> Metric:
    return metric_of(report.runs, report.judge)


def _select(report: Report) -> Metric:
    return metric_of(report.runs, str(report.select))


def _numeric(levels: tuple[Any, ...]) -> bool:
    """Whether levels can stand on an axis with a scale."""
    return len(levels) > 1 and all(
        isinstance(level, (int, float, np.number)) and not isinstance(level, bool) for level in levels
    )


def _claims(report: Report, uri: str) -> Iterator[Drawn]:
    if any(np.isfinite(judged.estimate) for judged in report.verdicts):
        text = (
            "What the claims compare, paired by seed, with 95% intervals. Grey: where a claim is true. "
            "A filled dot is supported, a cross refuted, a hollow dot inconclusive."
        )
        figure = comparisons.forest(report.verdicts, metrics_of(report.runs))
        yield Drawn("claims.svg", figure, text, seen.claims(report.verdicts))


def _curves(report: Report, uri: str) -> Iterator[Drawn]:
    if not report.select:
        return
    history = read_histories(uri, list(report.chosen["run_id"]), f"val/{report.select}")
    if history.empty or history["step"].nunique() < 2:
        return
    rows = history.merge(report.chosen[["run_id", *report.layout.keys]], on="run_id")
    rows["value"] = rows["value"].where(np.isfinite(rows["value"]) & (rows["value"].abs() < INFINITE))
    parts, some = _contenders(report, rows)
    text = (
        f"Learning curves {_rate(report, 'the')}: validation {_select(report).shown}, "
        f"{_spread(report)}{some}."
    )
    figure = trends.learning_curves(parts, _select(report), report.layout.losses)
    what = f"Mean validation {_select(report).shown}"
    yield Drawn("learning_curves.svg", figure, text, seen.ends(what, parts, "step", "value", "epoch "))


def _rates(report: Report, uri: str) -> Iterator[Drawn]:
    if not report.select or report.ranked[RATE].nunique() < 2 or report.ranked["validation"].isna().all():
        return
    parts, some = _contenders(report, report.ranked)
    text = (
        f"Fairness of tuning: mean validation {_select(report).shown} at every {report.noun} tried; "
        f"the chosen one is large, a cross at the top marks a {report.short} at which a seed diverged{some}."
    )
    joined = report.noun != "trial"
    figure = trends.rates(parts, _select(report), report.layout.losses, joined=joined)
    what = f"Learning rates chosen, with their mean validation {_select(report).shown}"
    yield Drawn("learning_rates.svg", figure, text, seen.chosen(what, parts))


def _budget(report: Report, uri: str) -> Iterator[Drawn]:
    if report.budget.empty or report.budget["tried"].nunique() < 2:
        return
    curves = report.budget
    if report.seeds < FEWEST_FOR_BAND:
        curves = curves.assign(low=curves["mean"], high=curves["mean"])
    parts, some = _contenders(report, curves)
    turns = [
        [
            (crossing.better, crossing.worse, crossing.tried)
            for crossing in report.crossings
            if crossing.leads and where(report, crossing.where) == title
        ]
        for title, _ in parts
    ]
    text = (
        f"Expected test {_judge(report).shown} of someone who tries so many of the {report.noun}s and "
        f"keeps the best on validation; a ring marks where another loss clearly takes the lead{some}."
    )
    figure = trends.budget(parts, _judge(report), turns, report.noun, report.layout.losses)
    what = f"Expected test {_judge(report).shown}, by the number of {report.noun}s tried"
    yield Drawn("budget.svg", figure, text, seen.ends(what, parts, "tried", "mean", ""))


def _ranks(report: Report, uri: str) -> Iterator[Drawn]:
    if report.ranks is not None:
        text = (
            "Critical-difference diagram: mean rank of each loss over conditions; "
            "a bar joins losses that Nemenyi's test cannot tell apart."
        )
        figure = comparisons.critical_difference(report.ranks, _judge(report), report.layout.losses)
        yield Drawn("critical_difference.svg", figure, text, seen.ranks(report.ranks))


def _cross(report: Report, uri: str) -> Iterator[Drawn]:
    tables = [table for table in report.cross if len(table.rows) > 1 and len(table.columns) > 1]
    if tables:
        text = "Each trained loss (rows) scored by every loss that reads its outputs (columns), on test."
        scaled = bool(line := cross_line(report))
        text = f"{text} {line}".rstrip()
        yield Drawn("cross.svg", comparisons.cross_heat(tables[0], scaled), text, seen.cross(tables[0]))
    if len(tables) > 1:
        last = comparisons.cross_heat(tables[-1], scaled)
        yield Drawn("cross_last.svg", last, f"The same for {tables[-1].title}.", seen.cross(tables[-1]))


PARTS: tuple[Part, ...] = (
    _headline,
    _claims,
    predicted_values,
    predicted_boxes,
    predicted_maps,
    plane,
    images_of_codes,
    rewards_by_distance,
    _curves,
    _rates,
    _budget,
    _ranks,
    predicted_classes,
    predicted_embeddings,
    _cross,
)


def _spread(report: Report, drawn: str = "band") -> str:
    """What lines and points are over seeds: a band or an interval is promised only where one is drawn."""
    if report.seeds == 1:
        return "one seed"
    interval = f" and 95% {drawn}" if report.seeds >= FEWEST_FOR_BAND else ""
    return f"mean{interval} over {report.seeds} seeds"


def _rate(report: Report, whose: str) -> str:
    """At which learning rate: a chosen one only where several were tried."""
    chosen = {"all": f"{whose} chosen {report.noun}", "none": "the learning rate that was given"}
    return f"at {chosen.get(report.rates_chosen, f'{whose} {report.noun}')}"


def _contenders(report: Report, rows: pd.DataFrame) -> tuple[Parts, str]:
    """Lines of one panel: all that compete under one condition, the knobs of one loss among them.

    Returns:
        The conditions, and what a caption says of those that had no room.
    """
    return conditions(Contenders.of(rows, report.layout).rows, report.contenders.layout.axes)
