"""Forecasts of a series as people look at them: over time, beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from lossbench.report.figures.looks import looks, ordered
from lossbench.report.figures.style import legend, lines_behind, name_y, only, painted, panels
from lossbench.report.figures.values import Fits
from lossbench.verdicts.predictions import Arrays

STEPS = 120  # that are shown at most


def stretch(run: Arrays) -> Any:
    """Windows (n,) of the middle of the test that follow each other: each begins where the one before ends.

    Args:
        run: `value` and `target_continuous` (N * horizon,), `example_id` (N,), the first steps of windows.
    """
    first = np.asarray(run["example_id"])
    horizon = np.asarray(run["value"]).size // len(first)
    places = {int(start): place for place, start in enumerate(first)}
    start = int(first[len(first) // 2])
    found: list[int] = []
    while start in places and (len(found) + 1) * horizon <= max(STEPS, horizon):
        found.append(places[start])
        start += horizon
    return np.array(found)


@painted
def forecasts(parts: Fits, among: Sequence[str] = ()) -> Any:
    """`value` of each loss's first run over the steps of a stretch, and between its lowest and highest
    `quantiles` a band, where it has some; the truth behind them. among: all losses of the report."""
    drawn_as = looks(ordered(loss for _, fits in parts for loss in fits), among)
    figure, places = panels(
        len(parts),
        "Forecasts and what came",
        where=only(parts),
        height=4.2 if len(parts) == 1 else 3.2 if len(parts) < 4 else 2.7,
    )
    for axes, (title, fits) in zip(places, parts, strict=True):
        first = next(iter(fits.values()))[0]
        windows = stretch(first)
        steps = np.arange(_shown(first, "target_continuous", windows).size)
        truth = _shown(first, "target_continuous", windows)
        axes.plot(steps, truth, color="#bdbdbd", linewidth=3.5, gid="truth", zorder=1)
        for loss in ordered(fits):
            run, drawn = fits[loss][0], drawn_as[loss]
            if "quantiles" in run:
                between = _shown(run, "quantiles", windows)
                low, high = between.min(axis=-1), between.max(axis=-1)
                axes.fill_between(steps, low, high, color=drawn.color, alpha=0.2, linewidth=0, zorder=0)
            axes.plot(steps, _shown(run, "value", windows), label=loss, **drawn.kwargs(marker=False))
        axes.set_title(title if len(parts) > 1 else "", loc="left")
        axes.set_xlabel("steps")
        lines_behind(axes)
    name_y(figure, places, "target")
    came = Line2D([], [], color="#bdbdbd", linewidth=3.5, label="what came")
    legend(figure, drawn_as, marker=False, beside=[came])
    return figure


def _shown(run: Arrays, name: str, windows: Any) -> Any:
    """What a run says of the steps of windows, one after another; quantiles with their levels last."""
    own = np.asarray(run[name], float)
    levels = own.shape[1:]
    return own.reshape(len(run["example_id"]), -1, *levels)[windows].reshape(-1, *levels)
