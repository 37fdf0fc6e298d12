"""The gallery's figures of stored predictions: errors, fits, confusion, reliability, pairs, maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lossbench.counting import counted
from lossbench.metrics.names import CALIBRATION
from lossbench.report.figures import boxes, classes, embeddings, maps, seen, values
from lossbench.report.figures.drawn import MOST_PANELS, Drawn, few, left_out
from lossbench.report.figures.forecasts import forecasts
from lossbench.report.figures.pictures import pictures, source_of
from lossbench.report.figures.stored import Runs, labels, of_losses
from lossbench.verdicts.conditions import LOSS
from lossbench.verdicts.contenders import slices
from lossbench.verdicts.predictions import Arrays
from lossbench.verdicts.results import measures_of, results

if TYPE_CHECKING:
    from lossbench.verdicts.findings import Report

Parts = list[tuple[str, Runs]]
"""Conditions in words, and the runs of each loss."""


def predicted_values(report: Report, uri: str) -> Iterator[Drawn]:
    """Residuals, in one dimension the fitted curves, and of a series the forecasts."""
    needs = ("value", "target_continuous")
    if parts := _parts(report, uri, needs):
        text = (
            f"Errors on the test set (prediction minus target), {_seeds(report, parts)}; markers are medians"
        )
        figure = values.residuals(parts, report.layout.losses)
        alt = seen.of_runs("Median errors", parts, values.median_error)
        yield _drawn(report, "residuals.svg", figure, (text, alt), parts)
    if fits := _parts(report, uri, (*needs, "inputs"), seeds=1):
        rows = dict(slices(report.chosen, report.layout.axes))
        points = {
            title: found
            for title, _ in fits
            if (found := training_points(rows[title].sort_values("seed").iloc[0])) is not None
        }
        text = "Curves fitted in one dimension, first seed, over the truth and the training points"
        figure = values.fitted_curves(fits, points, report.layout.losses)
        alt = seen.of_runs("Mean distance of the curves from the truth", fits, values.mean_distance)
        yield _drawn(report, "fitted_curves.svg", figure, (text, alt), fits)

    of_a_series = ("value", "target_continuous", "target_naive_scale", "example_id")
    if fits := _parts(report, uri, of_a_series, _of_one_number, seeds=1, also=("quantiles",)):
        text = (
            "Forecasts of the first seed over a stretch in the middle of the test, each window's one after "
            "another; the band lies between the lowest and the highest quantile"
        )
        figure = forecasts(fits, report.layout.losses)
        alt = seen.of_runs("Mean distance of forecasts from what came", fits, values.mean_distance)
        yield _drawn(report, "forecasts.svg", figure, (text, alt), fits)


def predicted_boxes(report: Report, uri: str) -> Iterator[Drawn]:
    """How many boxes overlap how well, and boxes on some images of the first condition and of the last."""
    needs = ("value", "target_box")
    if parts := _parts(report, uri, needs):
        text = f"Share of test boxes whose IoU is that or more: mean and 95% band {_seeds(report, parts)}"
        figure = boxes.overlaps(parts, report.layout.losses)
        alt = seen.of_runs("Share of boxes with an IoU of 0.5 or more", parts, boxes.share_of_hits)
        yield _drawn(report, "overlaps.svg", figure, (text, alt), parts)
    rows = dict(slices(report.chosen, report.layout.axes))
    shown = _parts(report, uri, needs, seeds=1, most=2)
    for name, (where, runs) in zip(("boxes.png", "boxes_last.png"), shown, strict=False):
        images = pictures(uri, rows[where].sort_values("seed").iloc[0])
        if images is not None:
            places = boxes.spread_over(runs)
            text = (
                f"{counted(len(places), 'image')} of the first seed's test, from those whose boxes overlap "
                "worst in the mean of the losses to those that overlap best"
            )
            figure = boxes.on_images(runs, images(places), places, where, report.layout.losses)
            mean = {loss: float(boxes.overlap(own[0])[places].mean()) for loss, own in runs.items()}
            alt = f"Images with a true box and a predicted one each; mean IoU: {seen.numbers(mean, 2)}."
            yield Drawn(name, figure, f"{text}{f' ({where})' if where else ''}.", alt)


def predicted_maps(report: Report, uri: str) -> Iterator[Drawn]:
    """What is predicted of each pixel, under the first condition."""
    rows = dict(slices(report.chosen, report.layout.axes))
    needs = ("value", "target_continuous", "example_id")
    for where, runs in (shown := _parts(report, uri, needs, _of_pixels, most=1, whole=True)):
        first = rows[where].sort_values("seed").iloc[0]
        source = source_of(uri, first)
        if source is None or not any(len(target.shape) == 2 for target in source.targets()):
            continue
        if (picture := source.mosaic()) is not None:
            found = [maps.assembled(runs, picture)]
            text = "The picture that all examples are cut out of: each part by a net that was tested there"
        elif (images := pictures(uri, first)) is not None:
            count = min(maps.SHOWN, len(next(iter(runs.values()))[0]["value"]))
            found = [maps.of_one(runs, place, own) for place, own in enumerate(images(np.arange(count)))]
            text = f"{counted(len(found), 'image')} of the first seed's test"
        else:
            continue
        text = f"{text}, what is true there and what each loss predicts; grey is not known"
        figure, alt = maps.drawn(found, where), maps.distances(found)
        yield replace(_drawn(report, "maps.png", figure, (text, alt), shown), shades=256)


def training_points(run: pd.Series[Any]) -> tuple[Any, Any] | None:
    """Inputs and targets (N,) of a run's training set, made again from its params: MLflow does not hold them.

    None unless the data is `outliers` in one dimension and has the fingerprint that the run recorded: points
    of other data would be worse than none.
    """
    from lossbench.data.outliers import Outliers

    if run.get("data.name") != "outliers" or run.get("data.curve") != "sine":
        return None
    given: dict[str, Any] = {}
    for knob in fields(Outliers):
        value = run.get(f"data.{knob.name}")
        if value is not None and not pd.isna(value):
            given[knob.name] = int(value) if knob.name.endswith("_size") else value
    source, seed = Outliers(**given), int(run["seed"])
    if source.fingerprint(seed) != run.get("lossbench.fingerprint"):
        return None
    data = source.load(seed, "vector")
    inputs = data.inputs[data.train.rows].numpy()
    return np.asarray(inputs).ravel(), data.train.targets["continuous"].numpy()


def predicted_classes(report: Report, uri: str) -> Iterator[Drawn]:
    """Confusion matrices of one condition, and reliability of all."""
    for where, runs in (shown := _parts(report, uri, ("scores",), _classed, most=1)):
        if next(iter(runs.values()))[0]["scores"].shape[-1] <= classes.MOST_CLASSES:
            text = (
                "Confusion matrices on test, in percent of the true class, "
                f"{_seeds(report, shown)}; errors are shaded"
            )
            alt = seen.of_runs("Percent of test examples that are right", shown, classes.percent_right)
            yield _drawn(report, "confusion.svg", classes.confusion(runs, where), (text, alt), shown)
    if parts := _parts(report, uri, ("probabilities",), _classed):
        text = (
            "Reliability: share of right predictions by confidence, ten bins of equally many test examples, "
            f"{_seeds(report, parts)}; ECE as in the tables; only losses that define probabilities"
        )
        figure = classes.reliability(parts, _ece(report), report.layout.losses)
        alt = seen.of_runs("Mean confidence less the share that is right", parts, classes.overconfidence)
        yield _drawn(report, "reliability.svg", figure, (text, alt), parts)


def predicted_embeddings(report: Report, uri: str) -> Iterator[Drawn]:
    """ROC of pairs of people, and a map of the embeddings, both of one condition."""
    if any(one.pairs for one in measures_of(report.runs)):
        for where, runs in (shown := _parts(report, uri, ("embedding", "target_identity"), most=1)):
            text = f"ROC over all pairs of people whom training never saw: mean {_seeds(report, shown)}"
            figure = embeddings.face_roc(runs, where, report.layout.losses)
            alt = seen.of_runs("Mean area under the curve", shown, embeddings.mean_area)
            yield _drawn(report, "roc.svg", figure, (text, alt), shown)
    for where, runs in (shown := _parts(report, uri, ("embedding",), _classed, most=1)):
        text = (
            "Two-dimensional map (PCA) of the test embeddings of one seed; each sign is one class. "
            "Distances are only roughly kept"
        )
        figure = embeddings.embedding_map(runs, where)
        alt = seen.of_runs("Share of the spread that lies between classes", shown, embeddings.between)
        yield _drawn(report, "embedding_map.png", figure, (text, alt), shown)


def _of_pixels(run: Arrays) -> bool:
    """Whether there is one number for each place of two dimensions."""
    return bool(run["value"].ndim == 3 and run["value"].shape == run["target_continuous"].shape)


def _of_one_number(run: Arrays) -> bool:
    """Whether a series has one column to predict."""
    return bool(np.asarray(run["target_naive_scale"]).ndim == 1)


def _classed(run: Arrays) -> bool:
    """Whether scores, probabilities or embeddings stand beside a class each."""
    known = labels(run)
    given = next((run[name] for name in ("scores", "probabilities", "embedding") if name in run), None)
    return known is not None and given is not None and known.shape == given.shape[:-1]


def _drawn(report: Report, name: str, figure: object, texts: tuple[str, str], shown: Parts) -> Drawn:
    caption, alt = texts
    some = left_out(shown, slices(report.chosen, report.layout.axes))
    return Drawn(name, figure, f"{caption}{some}.", alt)


def _parts(
    report: Report,
    uri: str,
    needs: tuple[str, ...],
    fitting: Callable[[Arrays], bool] = bool,
    *,
    seeds: int | None = None,
    most: int = MOST_PANELS,
    also: tuple[str, ...] = (),
    whole: bool = False,
) -> Parts:
    """Conditions with stored predictions, and the runs of each loss that has fitting ones: of all seeds, so
    that a figure says what the tables say. `also` are arrays that not all need to have; `whole` are examples
    whose places are not put in a row."""
    found: Parts = []
    for where, rows in few(slices(report.chosen, report.layout.axes), most):
        stored = of_losses(uri, rows, needs, seeds, also, whole=whole)
        if runs := {loss: own for loss, own in stored.items() if fitting(own[0])}:
            found.append((where, runs))
    return found


def _seeds(report: Report, parts: Parts) -> str:
    """Over how many seeds a figure pools; fewer than the tables where runs kept no predictions."""
    if report.seeds == 1:
        return "of one seed"
    counts = {len(own) for _, runs in parts for own in runs.values()}
    if counts == {report.seeds}:
        return f"over all {report.seeds} seeds"
    some = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    return f"over {some} of {report.seeds} seeds, those whose predictions are kept"


def _ece(report: Report) -> Mapping[str, Mapping[str, float]]:
    """The expected calibration error of each condition and loss, as the tables hold it."""
    rows = report.chosen.assign(ece=results(report.chosen, f"test/{CALIBRATION}"))
    return {
        where: {str(loss): float(mean) for loss, mean in part.groupby(LOSS)["ece"].mean().dropna().items()}
        for where, part in slices(rows, report.layout.axes)
    }
