"""Results against something that grows: an axis of the experiment, epochs, learning rates, the budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import ticker

from lossbench.metrics.measure import Metric
from lossbench.report.figures.looks import INK, looks, ordered
from lossbench.report.figures.scales import Panel, name_ticks, settle
from lossbench.report.figures.style import (
    band,
    lines_behind,
    name_y,
    painted,
    panels,
    scale_for,
)
from lossbench.report.figures.wording import axis_name, metric_label
from lossbench.verdicts.conditions import LOSS, RATE

Parts = Sequence[tuple[str, pd.DataFrame]]
"""Conditions: a title in words and the rows of each."""


@painted
def against_axis(parts: Parts, axis: str, metric: Metric) -> Any:
    """Mean and 95% band of a test metric against a numeric axis; one line per loss, one panel per part.

    Args:
        parts: rows with the columns loss.name, `axis` and value, one row per run.
        axis: a param, `data.contamination`.
    """
    name = axis_name(axis)
    figure, places = _panels(parts, f"Test {metric.shown} against {name}")
    found = _drawn_on(places, parts)
    for panel, (title, rows) in zip(found, parts, strict=True):
        for loss in ordered(rows[LOSS]):
            own = rows[rows[LOSS] == loss].dropna(subset=["value"]).groupby(axis)["value"]
            if not len(own):
                continue
            numbers = np.array([band(values, metric) for _, values in own])
            xs = np.array([level for level, _ in own], dtype=float)
            _line(panel, loss, xs, numbers)
        levels = sorted(rows[axis].dropna().unique().tolist())
        panel.axes.set_xscale(scale_for(levels, ratio=20))
        _finish(panel.axes, title, name, xs=levels)
    settle(found, metric, levels=True)
    name_y(figure, places, metric_label(metric))
    return figure


@painted
def learning_curves(parts: Parts, metric: Metric) -> Any:
    """Mean and 95% band over seeds of a validation metric by epoch, at the chosen learning rate.

    Args:
        parts: rows with the columns loss.name, step and value: one per run and epoch.
    """
    figure, places = _panels(parts, f"Learning curves: validation {metric.shown} by epoch", share="x")
    found = _drawn_on(places, parts)
    for panel, (title, rows) in zip(found, parts, strict=True):
        for loss in ordered(rows[LOSS]):
            own = rows[rows[LOSS] == loss].dropna(subset=["value"]).groupby("step")["value"]
            counts = own.size()
            # Where most seeds have stopped early, the mean would speak of the others alone.
            steps = counts.index[counts >= counts.max() / 2]
            if not len(steps):
                continue
            numbers = np.array([band(own.get_group(step), metric) for step in steps])
            every = max(1, len(steps) // 8)
            _line(panel, loss, np.asarray(steps, dtype=float), numbers, every=every)
        _finish(panel.axes, title, "epoch")
        panel.axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    settle(found, metric)
    name_y(figure, places, metric_label(metric, "validation "))
    return figure


@painted
def rates(parts: Parts, metric: Metric) -> Any:
    """The selection metric against the learning rate, with the chosen rate large: was the tuning fair?

    Args:
        parts: rows of `choose.rates`: loss.name, optimizer.lr, rank, validation, diverged.
    """
    figure, places = _panels(
        parts, f"Learning rates tried and chosen (large markers): validation {metric.shown}", share="x"
    )
    found = _drawn_on(places, parts)
    for panel, (title, rows) in zip(found, parts, strict=True):
        axes = panel.axes
        for loss in ordered(rows[LOSS]):
            own = rows[rows[LOSS] == loss].sort_values(RATE)
            known = own.dropna(subset=["validation"])
            if known.empty:
                continue
            panel.lines[loss] = known["validation"].tolist()
            axes.plot(known[RATE], known["validation"], label=loss, **panel.looks[loss].kwargs())
            best = known[known["rank"] == 0]
            large = {"linestyle": "none", "markersize": 10.5, "markeredgewidth": 1.6}
            axes.plot(
                best[RATE],
                best["validation"],
                **{**panel.looks[loss].kwargs(), **large},
                gid=f"chosen {loss}",
                zorder=4,
            )
            lost = own[own["diverged"] > 0]
            axes.plot(
                lost[RATE],
                np.full(len(lost), 0.98),
                transform=axes.get_xaxis_transform(),
                marker="x",
                markersize=7,
                markeredgewidth=1.8,
                color=panel.looks[loss].color,
                linestyle="none",
                gid=f"diverged {loss}",
            )
        axes.set_xscale("log")
        _finish(axes, title, "learning rate", xs=sorted(rows[RATE].unique()))
        axes.margins(x=0.08)
    settle(found, metric)
    name_y(figure, places, metric_label(metric, "validation "))
    return figure


@painted
def budget(parts: Parts, metric: Metric, crossings: Sequence[Sequence[tuple[str, str, int]]]) -> Any:
    """Expected test result as more learning rates are tried; a ring where another loss takes the lead.

    Args:
        parts: rows of `budget_curves`: loss.name, tried, mean, low, high.
        crossings: for each part, (better, worse, number of rates from which on).
    """
    figure, places = _panels(parts, f"Tuning budget: expected test {metric.shown}", share="x")
    found = _drawn_on(places, parts)
    for panel, (title, rows), turns in zip(found, parts, crossings, strict=True):
        lines = {}
        for loss in ordered(rows[LOSS]):
            own = rows[rows[LOSS] == loss].sort_values("tried")
            numbers = own[["mean", "low", "high"]].to_numpy(float)
            numbers = np.where(np.isfinite(numbers), numbers, numbers[:, :1]).clip(*metric.range)
            tried = own["tried"].to_numpy(float)
            _line(panel, loss, tried, numbers)
            lines[loss] = dict(zip(tried, numbers[:, 0], strict=True))
        for better, worse, tried_from in turns:
            point = _meeting(lines.get(better, {}), lines.get(worse, {}), float(tried_from))
            if point is not None:
                panel.axes.plot(
                    *point,
                    marker="o",
                    markersize=10,
                    markerfacecolor="none",
                    markeredgecolor=INK,
                    markeredgewidth=1.3,
                    gid=f"crossing {better} {worse}",
                )
        _finish(panel.axes, title, "learning rates tried", xs=sorted(rows["tried"].unique()))
    settle(found, metric)
    name_y(figure, places, metric_label(metric))
    return figure


def _meeting(
    better: dict[float, float], worse: dict[float, float], after: float
) -> tuple[float, float] | None:
    """Where two lines cross between `after` - 1 and `after`."""
    if not {after - 1, after} <= better.keys() & worse.keys():
        return None
    before, behind = better[after - 1] - worse[after - 1], better[after] - worse[after]
    share = before / (before - behind) if before != behind else 1.0
    return after - 1 + share, better[after - 1] + share * (better[after] - better[after - 1])


def _panels(parts: Parts, title: str, share: str = "all") -> tuple[Any, list[Any]]:
    if len(parts) == 1 and parts[0][0]:
        title = f"{title} ({parts[0][0]})"
    height = 4.0 if len(parts) <= 2 else 2.9
    return panels(len(parts), title, height=height, most=2 if len(parts) in (2, 4) else 3, share=share)


def _drawn_on(places: Sequence[Any], parts: Parts) -> list[Panel]:
    """Panels that draw each name alike, wherever it stands."""
    own = looks(ordered(name for _, rows in parts for name in rows[LOSS]))
    return [Panel(axes, own) for axes in places]


def _line(panel: Panel, loss: str, xs: Any, numbers: Any, every: int = 1) -> None:
    """The mean with its band; numbers (points, 3): mean, low, high."""
    drawn, axes = panel.looks[loss], panel.axes
    panel.lines[loss] = numbers[:, 0].tolist()
    axes.fill_between(xs, numbers[:, 1], numbers[:, 2], color=drawn.color, alpha=0.15, linewidth=0)
    axes.plot(xs, numbers[:, 0], label=loss, markevery=every, **drawn.kwargs())


def _finish(axes: Any, title: str, xlabel: str, xs: Sequence[Any] = ()) -> None:
    axes.set_title(title, loc="left")
    lines_behind(axes)
    if axes.get_subplotspec().is_last_row() or axes.xaxis.get_tick_params().get("labelbottom", True):
        axes.set_xlabel(xlabel)
    if len(xs):
        name_ticks(axes, xs)
