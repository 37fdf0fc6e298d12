"""Which figures a report has, in the order in which they are shown."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lossbench.report.conditions import LOSS, RATE, label, results
from lossbench.report.figures import comparisons, over_seeds, trends, values
from lossbench.report.figures.stored import Stored
from lossbench.report.figures.style import FEWEST_FOR_BAND, png
from lossbench.report.figures.training_points import training_points
from lossbench.report.figures.wording import axis_name, metric_name
from lossbench.report.table import main_axis, slices
from lossbench.tracking import read_histories

if TYPE_CHECKING:
    from lossbench.report.build import Report

MOST_PANELS = 6
SEEDS_POOLED = 5  # runs per loss whose predictions are read for one panel


@dataclass(frozen=True)
class Drawn:
    """A figure by its file name, and what it shows in one sentence."""

    name: str
    figure: Any
    caption: str


def draw(report: Report, uri: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """PNGs and captions by file name; figures for which the report has no data are not there.

    A figure that cannot be drawn is left out with a warning: a report never fails for a picture.

    Args:
        report: what the runs say.
        uri: the tracking address, for curves and stored predictions.
    """
    stored = Stored(uri)
    pngs: dict[str, bytes] = {}
    captions: dict[str, str] = {}
    for part in PARTS:
        try:
            for drawn in part(report, stored):
                pngs[drawn.name] = png(drawn.figure)
                captions[drawn.name] = drawn.caption
        except Exception as error:
            name = part.__name__.strip("_").replace("_", " ")
            warnings.warn(f"No figure of {name}: {type(error).__name__}: {error}", stacklevel=2)
    return pngs, captions


def _headline(report: Report, stored: Stored) -> Iterator[Drawn]:
    """The judged metric: against the main axis where it is a number, else loss by loss."""
    rows = report.chosen.assign(value=results(report.chosen, f"test/{report.judge}"))
    if rows["value"].notna().sum() == 0:
        return
    name, axis = metric_name(report.judge), main_axis(report.layout)
    spread = "at each loss's chosen learning rate, over seeds"
    if axis and _numeric(report.layout.levels[axis]):
        parts = few(slices(rows, [key for key in report.layout.axes if key != axis]))
        text = f"Test {name} against {axis_name(axis)}: mean and 95% band {spread}."
        yield Drawn("metric_by_axis.png", trends.against_axis(parts, axis, report.judge), text)
    else:
        text = f"Test {name}: mean, 95% interval and single seeds (ticks) {spread}."
        yield Drawn("metric.png", over_seeds.dots(_parts(report, rows), report.judge), text)


def _numeric(levels: tuple[Any, ...]) -> bool:
    """Whether levels can stand on an axis with a scale."""
    return len(levels) > 1 and all(
        isinstance(level, (int, float, np.number)) and not isinstance(level, bool) for level in levels
    )


def _claims(report: Report, stored: Stored) -> Iterator[Drawn]:
    if any(np.isfinite(judged.estimate) for judged in report.verdicts):
        text = (
            "What the claims compare, paired by seed, with 95% intervals. Grey: where a claim is true. "
            "A filled dot is supported, a cross refuted, a hollow dot inconclusive."
        )
        yield Drawn("claims.png", comparisons.forest(report.verdicts), text)


def _curves(report: Report, stored: Stored) -> Iterator[Drawn]:
    if not report.select:
        return
    history = read_histories(stored.uri, list(report.chosen["run_id"]), f"val/{report.select}")
    if history.empty or history["step"].nunique() < 2:
        return
    rows = history.merge(report.chosen[["run_id", *report.layout.keys]], on="run_id")
    rows["value"] = rows["value"].where(np.isfinite(rows["value"]) & (rows["value"].abs() < 1e300))
    name = metric_name(report.select)
    text = f"Learning curves at the chosen learning rate: validation {name}, mean and 95% band over seeds."
    yield Drawn("learning_curves.png", trends.learning_curves(_parts(report, rows), report.select), text)


def _rates(report: Report, stored: Stored) -> Iterator[Drawn]:
    if not report.select or report.ranked[RATE].nunique() < 2 or report.ranked["validation"].isna().all():
        return
    text = (
        f"Fairness of tuning: mean validation {metric_name(report.select)} at every learning rate tried; "
        "the chosen one is large, a cross at the top marks a rate at which a seed diverged."
    )
    yield Drawn("learning_rates.png", trends.rates(_parts(report, report.ranked), report.select), text)


def _budget(report: Report, stored: Stored) -> Iterator[Drawn]:
    if report.budget.empty or report.budget["tried"].nunique() < 2:
        return
    curves = report.budget
    if report.seeds < FEWEST_FOR_BAND:
        curves = curves.assign(low=curves["mean"], high=curves["mean"])
    parts = _parts(report, curves)
    turns = []
    for where, _ in parts:
        turns.append(
            [
                (crossing.better, crossing.worse, crossing.tried)
                for crossing in report.crossings
                if _words(report, crossing.where) == where
            ]
        )
    text = (
        f"Expected test {metric_name(report.judge)} of someone who tries so many of the learning rates and "
        "keeps the best on validation; a ring marks where the order of two losses turns."
    )
    yield Drawn("budget.png", trends.budget(parts, report.judge, turns), text)


def _ranks(report: Report, stored: Stored) -> Iterator[Drawn]:
    if report.ranks is not None:
        text = (
            "Critical-difference diagram: mean rank of each loss over conditions; "
            "a bar joins losses that Nemenyi's test cannot tell apart."
        )
        yield Drawn(
            "critical_difference.png", comparisons.critical_difference(report.ranks, report.judge), text
        )


def _cross(report: Report, stored: Stored) -> Iterator[Drawn]:
    tables = [table for table in report.cross if len(table.rows) > 1 and len(table.columns) > 1]
    if tables:
        text = "Each trained loss (rows) scored by every loss that reads its outputs (columns), on test."
        yield Drawn("cross.png", comparisons.cross_heat(tables[0]), text)
    if len(tables) > 1:
        yield Drawn("cross_last.png", comparisons.cross_heat(tables[-1]), f"The same for {tables[-1].title}.")


def _values(report: Report, stored: Stored) -> Iterator[Drawn]:
    needs = ("value", "target_continuous")
    parts = _stored_parts(report, stored, needs, SEEDS_POOLED)
    if parts:
        text = (
            f"Errors on the test set (prediction minus target), {SEEDS_POOLED} seeds at most; "
            "markers are medians."
        )
        yield Drawn("residuals.png", values.residuals(parts), text)
    fits = _stored_parts(report, stored, (*needs, "inputs"), 1)
    if fits:
        rows = dict(slices(report.chosen, report.layout.axes))
        points = {
            title: found
            for title, _ in fits
            if (found := training_points(rows[title].sort_values("seed").iloc[0])) is not None
        }
        text = "Curves fitted in one dimension, first seed, over the truth and the training points."
        yield Drawn("fitted_curves.png", values.fitted_curves(fits, points), text)


def _classes(report: Report, stored: Stored) -> Iterator[Drawn]:
    from lossbench.report.figures import classes
    from lossbench.report.figures.stored import labels

    for where, runs in _stored_parts(report, stored, ("scores",), SEEDS_POOLED, most=1):
        named = {loss: own for loss, own in runs.items() if labels(own[0]) is not None}
        if named and next(iter(named.values()))[0]["scores"].shape[-1] <= classes.MOST_CLASSES:
            text = "Confusion matrices on test, in percent of the true class; errors are shaded."
            yield Drawn("confusion.png", classes.confusion(named, where), text)
    parts = _stored_parts(report, stored, ("probabilities",), SEEDS_POOLED)
    if parts:
        text = (
            "Reliability: share of right predictions by confidence, ten bins of equally many test examples; "
            "only losses that define probabilities."
        )
        yield Drawn("reliability.png", classes.reliability(parts), text)


def _embeddings(report: Report, stored: Stored) -> Iterator[Drawn]:
    from lossbench.report.figures import embeddings
    from lossbench.report.figures.stored import labels

    for where, runs in _stored_parts(report, stored, ("embedding",), SEEDS_POOLED, most=1):
        people = {loss: own for loss, own in runs.items() if "target_identity" in own[0]}
        if people and f"test/{embeddings.PAIRED}" in report.chosen:
            text = "ROC over all pairs of people whom training never saw: mean and 95% band over seeds."
            yield Drawn("roc.png", embeddings.face_roc(people, where), text)
        named = {loss: own for loss, own in runs.items() if labels(own[0]) is not None}
        if named:
            text = (
                "Two-dimensional map (PCA) of the test embeddings of one seed; each sign is one class. "
                "Distances are only roughly kept."
            )
            yield Drawn("embedding_map.png", embeddings.embedding_map(named, where), text)


PARTS: tuple[Callable[[Report, Stored], Iterator[Drawn]], ...] = (
    _headline,
    _claims,
    _values,
    _curves,
    _rates,
    _budget,
    _ranks,
    _classes,
    _embeddings,
    _cross,
)


def few(found: list[tuple[str, pd.DataFrame]], most: int = MOST_PANELS) -> list[tuple[str, pd.DataFrame]]:
    """At most so many conditions, evenly spread, the first and the last among them."""
    if len(found) <= most:
        return found
    places = np.linspace(0, len(found) - 1, most).round().astype(int) if most > 1 else [0]
    return [found[place] for place in places]


def _parts(report: Report, rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return few(slices(rows, report.layout.axes))


def _stored_parts(
    report: Report, stored: Stored, needs: tuple[str, ...], seeds: int, most: int = 4
) -> list[tuple[str, dict[str, list[Any]]]]:
    """Conditions with stored predictions, and the runs of each loss."""
    found = []
    for where, rows in few(slices(report.chosen, report.layout.axes), most):
        runs = stored.of_losses(rows, needs, seeds)
        if runs:
            found.append((where, runs))
    return found


def _words(report: Report, where: Any) -> str:
    """A condition apart from its loss, as `slices` words it."""
    return label({LOSS: "", **where}, [LOSS, *report.layout.axes]).removeprefix(", ")
