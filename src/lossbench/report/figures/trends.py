"""Results against something that grows: an axis of the experiment, epochs, learning rates, the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import ticker

from lossbench.metrics.measure import Metric
from lossbench.report.figures.drawn import Parts
from lossbench.report.figures.looks import INK, looks, ordered
from lossbench.report.figures.scales import Panel, name_ticks, round_numbers, settle
from lossbench.report.figures.style import (
    axis_name,
    band,
    lines_behind,
    metric_label,
    name_y,
    only,
    painted,
    panels,
    scale_for,
)
from lossbench.verdicts.conditions import LOSS, RATE


@painted
def against_axis(parts: Parts, axis: str, metric: Metric, among: Sequence[str] = ()) -> Any:
    """Mean and 95% band of a test metric against a numeric axis; one line per loss, one panel per part.

    parts: rows with the columns loss.name, `axis` (`data.contamination`) and value, one row per run.
    among: all losses of the report, here and below.
    """
    name = axis_name(axis)
    found = _panels(parts, f"Test {metric.shown} against {name}", among)
    for panel, (title, rows) in zip(found, parts, strict=True):
        for loss, known in _by_loss(rows, "value", axis):
            own = known.groupby(axis)["value"]
            numbers = np.array([band(values, metric) for _, values in own])
            _line(panel, loss, np.array([level for level, _ in own], dtype=float), numbers)
        levels = sorted(rows[axis].dropna().unique().tolist())
        panel.axes.set_xscale(scale_for(levels, ratio=20))
        _finish(panel.axes, title, name, xs=levels)
    return _named(found, metric, levels=True)


@painted
def learning_curves(parts: Parts, metric: Metric, among: Sequence[str] = ()) -> Any:
    """Mean and 95% band over seeds of a validation metric by epoch, at the chosen learning rate.

    parts: rows with the columns loss.name, step and value: one per run and epoch.
    """
    found = _panels(parts, f"Learning curves: validation {metric.shown} by epoch", among, "x")
    for panel, (title, rows) in zip(found, parts, strict=True):
        for loss, known in _by_loss(rows, "value"):
            own = known.groupby("step")["value"]
            counts = own.size()
            # Where most seeds have stopped early, the mean would speak of the others alone.
            steps = counts.index[counts >= counts.max() / 2]
            numbers = np.array([band(own.get_group(step), metric) for step in steps])
            _line(panel, loss, np.asarray(steps, dtype=float), numbers, every=max(1, len(steps) // 8))
        _finish(panel.axes, title, "epoch")
        panel.axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    return _named(found, metric, "validation ")


@painted
def rates(parts: Parts, metric: Metric, among: Sequence[str] = (), *, joined: bool = True) -> Any:
    """The selection metric against the learning rate, with the chosen rate large: was the tuning fair?

    parts: rows of `choose.rates`: loss.name, optimizer.lr, rank, validation, diverged.
    joined: by lines, where neighbours differ in the rate alone.
    """
    title = f"Learning rates tried and chosen (large markers): validation {metric.shown}"
    found = _panels(parts, title, among, "x", joined=joined)
    for panel, (heading, rows) in zip(found, parts, strict=True):
        for loss, known in _by_loss(rows, "validation", by=RATE):
            panel.lines[loss] = known["validation"].tolist()
            panel.axes.plot(known[RATE], known["validation"], label=loss, **panel.looks[loss].kwargs())
            _chosen(panel, loss, known[known["rank"] == 0])
            _diverged(panel, loss, rows.loc[(rows[LOSS] == loss) & (rows["diverged"] > 0), RATE])
        panel.axes.set_xscale("log")
        tried = sorted(rows[RATE].unique())
        _finish(panel.axes, heading, "learning rate", xs=tried if joined else round_numbers(tried))
        panel.axes.margins(x=0.08)
    return _named(found, metric, "validation ")


def _chosen(panel: Panel, loss: str, best: pd.DataFrame) -> None:
    large = {"linestyle": "none", "markersize": 10.5, "markeredgewidth": 1.6, "zorder": 4}
    drawn = {**panel.looks[loss].kwargs(), **large}
    panel.axes.plot(best[RATE], best["validation"], gid=f"chosen {loss}", **drawn)


def _diverged(panel: Panel, loss: str, lost: pd.Series[float]) -> None:
    panel.axes.plot(
        lost,
        np.full(len(lost), 0.98),
        transform=panel.axes.get_xaxis_transform(),
        marker="x",
        markersize=7,
        markeredgewidth=1.8,
        color=panel.looks[loss].color,
        linestyle="none",
        gid=f"diverged {loss}",
    )


@painted
def budget(
    parts: Parts,
    metric: Metric,
    crossings: Sequence[Sequence[tuple[str, str, int]]],
    noun: str = "learning rate",
    among: Sequence[str] = (),
) -> Any:
    """Expected test result as more is tried; a ring where another loss takes the lead.

    parts: rows of `budget_curves`: loss.name, tried, mean, low, high.
    crossings: for each part, (better, worse, number of rates from which on).
    noun: what was tried.
    """
    found = _panels(parts, f"Tuning budget: expected test {metric.shown}", among, "x")
    for panel, (title, rows), turns in zip(found, parts, crossings, strict=True):
        lines = {}
        for loss, own in _by_loss(rows, by="tried"):
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
        _finish(panel.axes, title, f"{noun}s tried", xs=sorted(rows["tried"].unique()))
    return _named(found, metric)


def _meeting(
    better: dict[float, float], worse: dict[float, float], after: float
) -> tuple[float, float] | None:
    """Where two lines cross between `after` - 1 and `after`."""
    if not {after - 1, after} <= better.keys() & worse.keys():
        return None
    before, behind = better[after - 1] - worse[after - 1], better[after] - worse[after]
    share = before / (before - behind) if before != behind else 1.0
    return after - 1 + share, better[after - 1] + share * (better[after] - better[after - 1])


def _panels(
    parts: Parts, title: str, among: Sequence[str], share: str = "all", *, joined: bool = True
) -> list[Panel]:
    """A panel for each part; all draw a name alike."""
    height = 4.0 if len(parts) <= 2 else 2.9
    _, places = panels(len(parts), title, where=only(parts), height=height, share=share)
    own = looks(ordered(name for _, rows in parts for name in rows[LOSS]), among)
    if not joined:
        own = {name: replace(one, line="none") for name, one in own.items()}
    return [Panel(axes, own) for axes in places]


def _by_loss(rows: pd.DataFrame, *known: str, by: str = LOSS) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each loss with values in the columns `known`, sorted; losses without any are left out."""
    there = rows.dropna(subset=list(known))
    return [
        (loss, there[there[LOSS] == loss].sort_values(by, kind="stable")) for loss in ordered(there[LOSS])
    ]


def _named(found: Sequence[Panel], metric: Metric, prefix: str = "test ", *, levels: bool = False) -> Any:
    """The figure, with its vertical scales, the names of the losses, and that of the vertical axis."""
    settle(found, metric, levels=levels)
    figure = found[0].axes.figure
    scale = "log" if any(panel.axes.get_yscale() == "log" for panel in found) else "linear"
    name_y(figure, [panel.axes for panel in found], metric_label(metric, prefix, scale))
    return figure


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
        axes.set_xlabel(f"{xlabel} (log scale)" if axes.get_xscale() == "log" else xlabel)
    if len(xs):
        name_ticks(axes, xs)
