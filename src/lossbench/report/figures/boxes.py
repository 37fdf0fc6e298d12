"""Predicted boxes: on the images where they belong, and how many overlap how well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from lossbench.metrics.names import METRICS
from lossbench.report.figures.looks import INK, looks, ordered
from lossbench.report.figures.stored import Runs
from lossbench.report.figures.style import band, legend, lines_behind, name_y, only, painted, panels
from lossbench.report.figures.values import Fits
from lossbench.verdicts.predictions import Arrays

SHOWN = 8  # images
_OVERLAPS = np.linspace(0.01, 1.0, 100)
_SHARE = METRICS["iou_at_0.5"]


@painted
def overlaps(parts: Fits, among: Sequence[str] = ()) -> Any:
    """The share of `value` whose IoU with `target_box` is that or more: one curve per loss, the mean of its
    runs with their 95% band; one panel per condition. among: all losses of the report, here and below."""
    drawn_as = looks(ordered(loss for _, fits in parts for loss in fits), among)
    figure, places = panels(
        len(parts),
        "Share of test boxes by IoU",
        where=only(parts),
        height=4.2 if len(parts) == 1 else 3.2 if len(parts) < 4 else 2.7,
    )
    for axes, (title, fits) in zip(places, parts, strict=True):
        for loss in ordered(fits):
            shares = np.array([(overlap(run)[:, None] >= _OVERLAPS).mean(axis=0) for run in fits[loss]])
            middle, low, high = np.array([band(column, _SHARE) for column in shares.T]).T
            drawn = drawn_as[loss]
            axes.plot(_OVERLAPS, middle, label=loss, markevery=(9, 20), **drawn.kwargs())
            axes.fill_between(_OVERLAPS, low, high, color=drawn.color, alpha=0.15, linewidth=0)
        axes.set_title(title if len(parts) > 1 else "", loc="left")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.01)
        axes.set_xlabel("IoU")
        lines_behind(axes, "both")
    name_y(figure, places, "share of boxes with this IoU or more")
    legend(figure, drawn_as)
    return figure


@painted
def on_images(runs: Runs, images: Any, places: Any, where: str = "", among: Sequence[str] = ()) -> Any:
    """Images in columns, losses in rows: `target_box` dark, `value` of the loss's first run in its colour,
    their IoU above.

    Args:
        images: (n, height, width) or (n, height, width, 3) in 0..1.
        places: (n,) of these images in the arrays of a run.
    """
    losses, (height, width) = ordered(runs), images.shape[1:3]
    drawn_as = looks(losses, among)
    figure, cells = panels(
        len(losses) * len(places),
        "True boxes (dark) and predicted ones, with their IoU",
        where=where,
        height=0.14 + height / width,
        most=len(places),
        share="none",
    )
    for number, axes in enumerate(cells):
        loss, column = losses[number // len(places)], number % len(places)
        run, place = runs[loss][0], places[column]
        extent = (0, width, height, 0)  # a pixel lies between two whole numbers
        axes.imshow(images[column], cmap="gray", vmin=0, vmax=1, extent=extent, alpha=0.55)
        for box, color in ((run["target_box"], INK), (run["value"], drawn_as[loss].color)):
            left, top, right, bottom = np.asarray(box, float)[place]
            axes.add_patch(
                Rectangle((left, top), right - left, bottom - top, fill=False, linewidth=1.6, edgecolor=color)
            )
        axes.set_title(f"{overlap(run)[place]:.2f}", fontsize=7, pad=2)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        if column == 0:
            axes.set_ylabel(loss)
    return figure


def spread_over(runs: Runs, count: int = SHOWN) -> Any:
    """Places (n,) of test examples, from those whose boxes overlap worst, in the mean of the losses' first
    runs, to those that overlap best, evenly."""
    mean = np.mean([overlap(own[0]) for own in runs.values()], axis=0)
    ranks = np.linspace(0, len(mean) - 1, min(count, len(mean))).round().astype(int)
    return np.argsort(mean, kind="stable")[ranks]


def share_of_hits(runs: Sequence[Arrays]) -> float:
    """Of boxes that overlap theirs by half or more, over all runs."""
    return float(np.mean([(overlap(run) >= 0.5).mean() for run in runs]))


def overlap(run: Arrays) -> Any:
    """(N,) the IoU of each `value` with its `target_box`."""
    import torch

    from lossbench.metrics.boxes import iou

    value, box = (torch.from_numpy(np.asarray(run[name], dtype=float)) for name in ("value", "target_box"))
    return iou(value, box).numpy()
