"""The gallery's figures of stored predictions: errors, fits, confusion, reliability, pairs, maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lossbench.metrics.names import CALIBRATION
from lossbench.report.figures import classes, embeddings, values
from lossbench.report.figures.drawn import MOST_PANELS, Drawn, conditions, with_places
from lossbench.report.figures.stored import Arrays, Stored, labels
from lossbench.report.figures.training_points import training_points
from lossbench.verdicts.conditions import LOSS
from lossbench.verdicts.contenders import slices
from lossbench.verdicts.results import measures_of, results

if TYPE_CHECKING:
    from lossbench.verdicts.findings import Report

Runs = dict[str, list[Arrays]]


def predicted_values(report: Report, stored: Stored) -> Iterator[Drawn]:
    """Residuals, and in one dimension the fitted curves."""
    needs = ("value", "target_continuous")
    parts = _parts(report, stored, needs)
    if parts:
        text = (
            f"Errors on the test set (prediction minus target), {_seeds(report, parts)}; markers are medians."
        )
        yield _drawn(report, "residuals.png", values.residuals(parts), text, parts)
    fits = _parts(report, stored, (*needs, "inputs"), seeds=1)
    if fits:
        rows = dict(slices(report.chosen, report.layout.axes))
        points = {
            title: found
            for title, _ in fits
            if (found := training_points(rows[title].sort_values("seed").iloc[0])) is not None
        }
        text = "Curves fitted in one dimension, first seed, over the truth and the training points."
        yield _drawn(report, "fitted_curves.png", values.fitted_curves(fits, points), text, fits)


def predicted_classes(report: Report, stored: Stored) -> Iterator[Drawn]:
    """Confusion matrices of one condition, and reliability of all."""
    for where, runs in _parts(report, stored, ("scores",), most=1):
        named = {loss: own for loss, own in runs.items() if _classed(own[0])}
        if named and next(iter(named.values()))[0]["scores"].shape[-1] <= classes.MOST_CLASSES:
            shown = [(where, named)]
            text = (
                "Confusion matrices on test, in percent of the true class, "
                f"{_seeds(report, shown)}; errors are shaded."
            )
            yield _drawn(report, "confusion.png", classes.confusion(named, where), text, shown)
    parts = _parts(report, stored, ("probabilities",))
    parts = [(where, {k: own for k, own in runs.items() if _classed(own[0])}) for where, runs in parts]
    parts = [(where, runs) for where, runs in parts if runs]
    if parts:
        text = (
            "Reliability: share of right predictions by confidence, ten bins of equally many test examples, "
            f"{_seeds(report, parts)}; ECE as in the tables; only losses that define probabilities."
        )
        yield _drawn(report, "reliability.png", classes.reliability(parts, _ece(report)), text, parts)


def predicted_embeddings(report: Report, stored: Stored) -> Iterator[Drawn]:
    """ROC of pairs of people, and a map of the embeddings, both of one condition."""
    for where, runs in _parts(report, stored, ("embedding",), most=1):
        people = {loss: own for loss, own in runs.items() if "target_identity" in own[0]}
        if people and any(one.pairs for one in measures_of(report.runs)):
            shown = [(where, people)]
            text = f"ROC over all pairs of people whom training never saw: mean {_seeds(report, shown)}."
            yield _drawn(report, "roc.png", embeddings.face_roc(people, where), text, shown)
        named = {loss: own for loss, own in runs.items() if _classed(own[0])}
        if named:
            text = (
                "Two-dimensional map (PCA) of the test embeddings of one seed; each sign is one class. "
                "Distances are only roughly kept."
            )
            figure = embeddings.embedding_map(named, where)
            yield _drawn(report, "embedding_map.png", figure, text, [(where, named)])


def _classed(run: Arrays) -> bool:
    """Whether scores, probabilities or embeddings stand beside a class each."""
    known = labels(run)
    given = next((run[name] for name in ("scores", "probabilities", "embedding") if name in run), None)
    return known is not None and given is not None and known.shape == given.shape[:-1]


def _drawn(report: Report, name: str, figure: object, text: str, shown: list[tuple[str, Runs]]) -> Drawn:
    return Drawn(name, figure, with_places(text, report.layout, report.chosen, shown))


def _parts(
    report: Report,
    stored: Stored,
    needs: tuple[str, ...],
    seeds: int | None = None,
    most: int = MOST_PANELS,
) -> list[tuple[str, Runs]]:
    """Conditions with stored predictions, and the runs of each loss: of all seeds, so that a figure says what
    the tables say."""
    found = []
    for where, rows in conditions(report.layout, report.chosen, most):
        runs = stored.of_losses(rows, needs, seeds)
        if runs:
            found.append((where, runs))
    return found


def _seeds(report: Report, parts: list[tuple[str, Runs]]) -> str:
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
