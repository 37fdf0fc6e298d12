"""Predicted numbers: where errors lie, and the curves that were fitted through outliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from lossbench.report.figures.looks import INK, looks, ordered
from lossbench.report.figures.stored import Runs
from lossbench.report.figures.style import legend, lines_behind, name_y, only, painted, panels
from lossbench.verdicts.predictions import Arrays

Fits = Sequence[tuple[str, Runs]]
"""Conditions: a title in words, and the runs of each loss."""
_BINS = 41
_KEPT = (1.0, 99.0)  # percentiles of all errors that are shown


@painted
def residuals(parts: Fits, among: Sequence[str] = ()) -> Any:
    """Distribution of `value` minus `target_continuous` on test, pooled over seeds; one outline per loss, one
    panel per condition. among: all losses of the report, here and below."""
    drawn_as = looks(ordered(loss for _, fits in parts for loss in fits), among)
    errors = [
        (title, {loss: np.concatenate([_error(run) for run in runs]) for loss, runs in fits.items()})
        for title, fits in parts
    ]
    everything = np.concatenate([values for _, own in errors for values in own.values()])
    low, high = np.percentile(everything[np.isfinite(everything)], _KEPT)
    room = 0.0 if high > low else abs(low) or 1.0
    edges = np.linspace(low - room, high + room, _BINS + 1)
    figure, places = panels(
        len(parts),
        "Errors on the test set: prediction minus target (markers: medians)",
        where=only(parts),
        height=3.0 if len(parts) < 4 else 2.5,
    )
    tallest = 0.0
    for axes, (title, own) in zip(places, errors, strict=True):
        for loss in ordered(own):
            counts, _ = np.histogram(own[loss], edges)
            heights = counts / max(len(own[loss]), 1) / np.diff(edges)
            drawn = drawn_as[loss]
            middles = (edges[:-1] + edges[1:]) / 2
            axes.fill_between(middles, heights, step="mid", color=drawn.color, alpha=0.1, linewidth=0)
            axes.step(middles, heights, where="mid", label=loss, **drawn.kwargs(marker=False))
            axes.plot(
                np.median(own[loss]),
                0.97,
                transform=axes.get_xaxis_transform(),
                **{**drawn.kwargs(), "linestyle": "none", "markersize": 6.5},
                gid=f"median {loss}",
            )
            tallest = max(tallest, float(heights.max()))
        axes.axvline(0, color=INK, linewidth=0.9)
        axes.set_title(title if len(parts) > 1 else "", loc="left")
        axes.set_xlabel("error, in units of the target")
    places[0].set_ylim(0, 1.15 * tallest)  # of all panels, which share it; above the bars stand the medians
    name_y(figure, places, "density")
    legend(figure, drawn_as)
    return figure


@painted
def fitted_curves(parts: Fits, points: Mapping[str, tuple[Any, Any]], among: Sequence[str] = ()) -> Any:
    """Fitted curves `value` over `inputs` (N, 1) and the truth, which is `target_continuous` of the test set.

    points: training inputs and targets, each (N,), by the condition's title, where they are known.
    """
    drawn_as = looks(ordered(loss for _, fits in parts for loss in fits), among)
    figure, places = panels(
        len(parts),
        "Curves fitted through outliers",
        where=only(parts),
        height=4.2 if len(parts) == 1 else 3.2 if len(parts) < 4 else 2.7,
    )
    for axes, (title, fits) in zip(places, parts, strict=True):
        if title in points:
            inputs, targets = points[title]
            axes.plot(inputs, targets, ".", color="#a8a8a8", markersize=2.6, gid="training", zorder=1)
        first = next(iter(fits.values()))[0]
        xs, truth = _sorted(first, "target_continuous")
        axes.plot(xs, truth, color="#bdbdbd", linewidth=6, gid="truth", zorder=1.5)
        for loss in ordered(fits):
            xs, fit = _sorted(fits[loss][0], "value")
            drawn = drawn_as[loss].kwargs()
            axes.plot(xs, fit, label=loss, markevery=(len(xs) // 20, max(1, len(xs) // 8)), **drawn)
        axes.set_title(title if len(parts) > 1 else "", loc="left")
        axes.set_xlabel("x")
        lines_behind(axes)
    name_y(figure, places, "target")
    beside = [Line2D([], [], color="#bdbdbd", linewidth=6, label="the truth")]
    if points:
        beside.append(Line2D([], [], color="#a8a8a8", linestyle="none", marker=".", label="training data"))
    legend(figure, drawn_as, beside=beside)
    return figure


def median_error(runs: Sequence[Arrays]) -> float:
    """Of all test examples of all runs."""
    return float(np.median(np.concatenate([_error(run) for run in runs])))


def mean_distance(runs: Sequence[Arrays]) -> float:
    """Of the first run's values from their targets."""
    return float(np.abs(_error(runs[0])).mean())


def _error(run: Arrays) -> Any:
    return np.asarray(run["value"], float).ravel() - np.asarray(run["target_continuous"], float).ravel()


def _sorted(run: Arrays, name: str) -> tuple[Any, Any]:
    xs = np.asarray(run["inputs"], float).ravel()
    order = np.argsort(xs)
    return xs[order], np.asarray(run[name], float).ravel()[order]
