"""Predicted classes: what is taken for what, and whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lossbench.report.figures.looks import INK, looks, ordered
from lossbench.report.figures.stored import Runs, class_names, labels
from lossbench.report.figures.style import GREY, lines_behind, only, painted, panels, shade_cells
from lossbench.significant import number
from lossbench.verdicts.predictions import Arrays

_BINS = 10
MOST_CLASSES = 20
_LETTERS = 6  # at each end of a class's name
_PAINTED = 30.0  # percent of a class that is drawn black, or what chance gives it


@painted
def confusion(runs: Runs, where: str = "") -> Any:
    """Confusion matrices, one per loss: the share of each true class, in percent, mean over seeds.

    The diagonal holds the share that is right; only errors are shaded. Runs with `scores` and a class target.
    """
    losses = ordered(runs)
    columns = min(len(losses), 3 if len(losses) in (3, 5, 6, 9) else 4)
    rows = -(-len(losses) // columns)
    few_classes = next(iter(runs.values()))[0]["scores"].shape[-1] <= 3
    height = 2.1 if few_classes else 9.2 / columns - 0.25
    title = "Confusion: true class against predicted, in % of the true class"
    figure, places = panels(len(losses), title, where=where, height=height, most=columns, square=True)
    for place, (axes, loss) in enumerate(zip(places, losses, strict=True)):
        table = np.mean([shares(run) for run in runs[loss]], axis=0)
        _matrix(axes, table, size=8 if columns < 4 else 6)
        if names := class_names(runs[loss][0]):
            _named(axes, list(map(_short, names)))
        axes.set_title(f"{loss}: {percent_right(runs[loss]):.1f}% right", loc="left")
        axes.set_xlabel("predicted" if place // columns == rows - 1 else "")
        axes.set_ylabel("true" if place % columns == 0 else "")
    return figure


def percent_right(runs: Sequence[Arrays]) -> float:
    """Of all test examples of all runs."""
    hits = np.concatenate([np.asarray(run["scores"]).argmax(-1) == labels(run) for run in runs])
    return float(100 * hits.mean())


def _named(axes: Any, names: Sequence[str]) -> None:
    """Names along the sides; of many classes, where they have most room."""
    few = len(names) <= 3
    axes.set_xticks(range(len(names)), names, rotation=0 if few else 90)
    axes.set_yticks(range(len(names)), names, rotation=90 if few else 0, va="center")


def _short(name: str) -> str:
    return name if len(name) <= 2 * _LETTERS else f"{name[:_LETTERS]}…{name[-_LETTERS + 1 :]}"


def shares(run: Arrays) -> Any:
    """(C, C) percent of each true class (rows) that was taken for each class (columns)."""
    from sklearn.metrics import confusion_matrix

    count = run["scores"].shape[-1]
    predicted = np.asarray(run["scores"]).argmax(-1)
    return 100 * confusion_matrix(labels(run), predicted, labels=range(count), normalize="true")


def _matrix(axes: Any, table: Any, size: int) -> None:
    count = len(table)
    errors = np.where(np.eye(count, dtype=bool), 0.0, table)
    black = max(_PAINTED, 100 / count)
    shade_cells(axes, np.sqrt(errors / black).clip(0, 1) * 0.8)
    axes.set_aspect("equal")
    small = min(size, 60 // max(count, 1))
    for true in range(count):
        for guess in range(count):
            share = float(table[true, guess])
            if true != guess and (share < 2 or count > MOST_CLASSES / 2):
                continue
            axes.text(
                guess,
                true,
                f"{share:.0f}",
                ha="center",
                va="center",
                fontsize=max(small, 4.5),
                fontweight="bold" if true == guess else "normal",
                color="white" if true != guess and share > black / 3 else INK,
            )
    axes.set_xticks(range(count))
    axes.set_yticks(range(count))
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set(visible=True, color="#bbbbbb")


@painted
def reliability(
    parts: Sequence[tuple[str, Runs]], ece: Mapping[str, Mapping[str, float]], among: Sequence[str] = ()
) -> Any:
    """Share that is right against the confidence, in ten bins of equal count; one line per loss.

    Below the diagonal a loss is overconfident. Runs with `probabilities` and a class target are pooled; `ece`
    holds the calibration error of each condition and loss, where it is known; among: all losses of the
    report.
    """
    title = "Reliability: share right by confidence (below the line: overconfident)"
    one, small = len(parts) == 1, len(parts) > 2
    height = 4.6 if one else 2.4 if small else 3.6
    figure, places = panels(len(parts), title, where=only(parts), height=height, most=4, square=True)
    lowest = 1.0
    drawn_as = looks(ordered(loss for _, runs in parts for loss in runs), among)
    for axes, (heading, runs) in zip(places, parts, strict=True):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.0, zorder=1, gid="perfect")
        for loss in ordered(runs):
            confidence, right = calibration(runs[loss])
            lowest = min(lowest, float(min(confidence.min(), right.min())))
            drawn = drawn_as[loss].kwargs() | ({"markersize": 4.5, "linewidth": 1.3} if small else {})
            error = ece.get(heading, {}).get(loss)
            name = loss if error is None else f"{loss}, ECE {number(error, 3)}"
            axes.plot(confidence, right, label=name, **drawn)
        axes.set_title("" if one else heading, loc="left")
        below = {"loc": "upper left", "bbox_to_anchor": (0.0, -0.1)}  # where no curve is
        if one:
            below = {"loc": "center left", "bbox_to_anchor": (1.02, 0.5)}
        axes.legend(handlelength=2.6, fontsize=7 if small else 9, borderaxespad=0.2, **below)
        lines_behind(axes, "both")
    start = max(0.0, np.floor(lowest * 10) / 10 - 0.02)
    places[0].set_xlim(start, 1.02)
    places[0].set_ylim(start, 1.02)
    places[0].set_ylabel("share that is right")
    figure.supxlabel("confidence: probability of the predicted class", fontsize=9)
    return figure


def overconfidence(runs: Sequence[Arrays]) -> float:
    """Mean confidence less the share that is right; below 0: too cautious."""
    confidence, right = calibration(runs)
    return float((confidence - right).mean())


def calibration(runs: Sequence[Arrays]) -> tuple[Any, Any]:
    """Mean confidence and share right of each bin (B,)."""
    confidence = np.concatenate([np.asarray(run["probabilities"], float).max(-1) for run in runs])
    right = np.concatenate([np.asarray(run["probabilities"]).argmax(-1) == labels(run) for run in runs])
    order = np.argsort(confidence, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    means = np.array([confidence[part].mean() for part in bins])
    rights = np.array([right[part].mean() for part in bins])
    return means, rights
