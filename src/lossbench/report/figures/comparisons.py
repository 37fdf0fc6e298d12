"""Losses against each other: one number per run, the claims' differences, ranks, and the cross table."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from lossbench.metrics.measure import Metric
from lossbench.report.figures.drawn import Parts
from lossbench.report.figures.looks import INK, looks, ordered
from lossbench.report.figures.scales import difference_ticks, name_ticks, round_numbers
from lossbench.report.figures.style import (
    FAINT,
    GREY,
    band,
    lines_behind,
    metric_label,
    only,
    painted,
    panels,
    scale_for,
    shade_cells,
)
from lossbench.report.words import verdict_line
from lossbench.verdicts.conditions import LOSS
from lossbench.verdicts.contenders import loss_of
from lossbench.verdicts.ranks import Ranks
from lossbench.verdicts.table import Table
from lossbench.verdicts.verdict import Judged

_VERDICTS: dict[str, dict[str, Any]] = {
    "supported": {"marker": "o", "markerfacecolor": "#1a6b2a", "markeredgecolor": "#1a6b2a"},
    "refuted": {"marker": "X", "markerfacecolor": "#a3161f", "markeredgecolor": "#a3161f"},
    "inconclusive": {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "#555555"},
}
_WRAP = 46


@painted
def dots(parts: Parts, metric: Metric, among: Sequence[str] = ()) -> Any:
    """Each seed (a row with loss.name and value) as a faint dot, the mean and its 95% interval in front.

    Losses stand from best to worst; among: all of the report.
    """
    losses = ordered(loss for _, rows in parts for loss in rows.dropna(subset=["value"])[LOSS])
    drawn_as = looks(losses, among)
    scale = scale_for(np.concatenate([rows["value"].to_numpy(float) for _, rows in parts]))
    several = any(rows.groupby(LOSS)["value"].count().max() > 1 for _, rows in parts)
    title = f"Test {metric.shown} of each loss{', over seeds' if several else ''}"
    height = 0.34 * len(losses) + 0.9
    figure, places = panels(len(parts), title, where=only(parts), height=height, most=3, share="x")
    for axes, (heading, rows) in zip(places, parts, strict=True):
        values = rows.dropna(subset=["value"]).groupby(LOSS)["value"]
        order = values.mean().sort_values(ascending=metric.higher_is_better).index
        for height, loss in enumerate(order):
            drawn = drawn_as[str(loss)]
            own = values.get_group(loss)
            middle, low, high = band(own, metric)
            axes.plot(own, np.full(len(own), height), "|", color=GREY, markersize=9, alpha=0.6)
            axes.plot([low, high], [height, height], color=drawn.color, linewidth=4, solid_capstyle="butt")
            axes.plot([middle], [height], **{**drawn.kwargs(), "markersize": 8, "linestyle": "none"})
        axes.set_yticks(range(len(order)), [str(loss) for loss in order])
        axes.tick_params(axis="y", length=0)
        axes.set_title(heading if len(parts) > 1 else "", loc="left")
        lines_behind(axes, "x")
    if scale == "log":
        known = sorted(value for _, rows in parts for value in rows["value"].dropna())
        for axes in places:
            axes.set_xscale("log")
            name_ticks(axes, round_numbers(known))
    label = metric_label(metric, scale=scale)
    if len(parts) > 1:
        figure.supxlabel(label, fontsize=9)
    else:
        places[0].set_xlabel(label)
    return figure


@painted
def forest(verdicts: Sequence[Judged], described: Mapping[str, Metric]) -> Any:
    """Paired difference of each claim with its 95% interval; grey is what the claim says, by its margin.

    A filled dot is supported, a cross refuted, a hollow dot inconclusive; what has no estimate is left out.
    Claims of one metric, of those `described`, share a scale.
    """
    known = [judged for judged in verdicts if math.isfinite(judged.estimate)]
    metrics = list(dict.fromkeys(judged.claim.metric for judged in known))
    groups = [[judged for judged in known if judged.claim.metric == metric] for metric in metrics]
    rows = [[textwrap.wrap(judged.claim.sentence, _WRAP) for judged in group] for group in groups]
    heights = [sum(max(len(lines), 2) for lines in group) + 2.8 for group in rows]
    figure, places = panels(
        len(groups),
        "Claims: paired differences with 95% intervals (grey: where the claim is true)",
        height=0.0,
        most=1,
        share="none",
    )
    figure.set_size_inches(figure.get_figwidth(), 0.165 * sum(heights) + 0.5)
    places[0].get_gridspec().set_height_ratios(heights)
    for axes, metric, group, texts in zip(places, metrics, groups, rows, strict=True):
        _forest_panel(axes, described[metric], group, texts)
    return figure


def _forest_panel(axes: Any, metric: Metric, group: Sequence[Judged], texts: Sequence[Sequence[str]]) -> None:
    numbers = np.array([[judged.low, judged.estimate, judged.high] for judged in group])
    numbers = np.where(np.isfinite(numbers), numbers, numbers[:, 1:2])
    margins = [judged.claim.margin for judged in group]
    linear = _forest_scale(axes, numbers, margins)
    left, right = axes.get_xlim()
    top, ticks, beside = 0.0, [], axes.get_yaxis_transform()
    for judged, lines, (low, middle, high) in zip(group, texts, numbers, strict=True):
        size = max(len(lines), 2)
        center = top - size / 2
        start = judged.claim.margin if judged.claim.kind == "better" else -judged.claim.margin
        end = judged.claim.margin if judged.claim.kind == "as_good_as" else right
        axes.fill_betweenx(
            [center - size * 0.42, center + size * 0.42],
            max(start, left),
            min(end, right),
            color=FAINT,
            linewidth=0,
            alpha=0.7,
        )
        mark = _VERDICTS[judged.verdict]
        axes.plot([low, high], [center, center], color=mark["markeredgecolor"], linewidth=1.8)
        axes.plot([middle], [center], markersize=5.5, markeredgewidth=1.2, **mark)
        verdict = f"{judged.verdict}, at this budget" if judged.at_budget else judged.verdict
        told = f"{verdict}\n{verdict_line(judged)}"
        axes.text(1.02, center, told, transform=beside, va="center", fontsize=8)
        ticks.append((center, "\n".join(lines)))
        top -= size
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set_xlim(left, right)
    axes.set_ylim(top, 0)
    axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    log = "" if linear is None else f" (log scale beyond {linear:.2g})"
    axes.set_xlabel(f"difference in test {metric.shown}: above 0 the side named first is better{log}")
    lines_behind(axes, "x")


def _forest_scale(axes: Any, numbers: Any, margins: Sequence[float]) -> float | None:
    """Room for all intervals; logarithmic away from zero where one claim would squash the others, beyond the
    number that is returned."""
    reach = np.abs(numbers).max(axis=1)
    extent = max(float(reach.max()), *margins) or 1.0
    wide = float(np.median(reach)) or extent
    linear = wide if extent / wide > 12 else None
    if linear is not None:
        axes.set_xscale("symlog", linthresh=linear, linscale=1.5)
    low = min(float(numbers.min()), -max(margins), 0.0)
    high = max(float(numbers.max()), max(margins), 0.0)
    room = 0.12 * (high - low or 1.0)
    if linear is not None:  # in which a share of the whole is next to nothing at its ends
        low, high = (end * 1.6 if abs(end) > linear else end for end in (low, high))
    axes.set_xlim(low - room, high + room)
    ticks = difference_ticks(low - room, high + room, linear)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    return linear


@painted
def critical_difference(found: Ranks, metric: Metric, among: Sequence[str] = ()) -> Any:
    """Mean ranks over conditions; a bar joins losses that Nemenyi's test cannot tell apart (Demsar 2006).

    among: all losses of the report.
    """
    import scikit_posthocs

    title = f"Mean rank by test {metric.shown} over {found.conditions} conditions (1 is the best)"
    count, drawn_as = len(found.mean_ranks), looks(list(map(str, found.mean_ranks.index)), among)
    figure, (axes,) = panels(1, title, height=0.9 + 0.22 * count)
    scikit_posthocs.critical_difference_diagram(
        found.mean_ranks,
        found.pairs,
        ax=axes,
        label_fmt_left="{label}\u00a0\u00a0{rank:.2f}\u00a0",  # an SVG drops other spaces at the ends
        label_fmt_right="\u00a0{rank:.2f}\u00a0\u00a0{label}",
        label_props={"fontsize": 10},
        marker_props={"marker": "o", "s": 36, "edgecolor": INK, "linewidth": 0.5, "zorder": 4},
        elbow_props={"linewidth": 1.5},
        crossbar_props={"color": INK, "linewidth": 3.5, "solid_capstyle": "round"},
        color_palette={name: one.color for name, one in drawn_as.items()},
    )
    for text in axes.texts:
        text.set_color(INK)  # the pale losses could not be read
    axes.tick_params(labelsize=9)
    return figure


@painted
def cross_heat(table: Table, scaled: bool = False) -> Any:
    """Each trained loss (rows) scored by every loss (columns); dark is ten times the column's best.

    scaled: there are values, which are scored as they are trained on: shifted and scaled.
    """
    names = [column.head for column in table.columns]
    cells = {column.head: [cell.mean for cell in column.cells] for column in table.columns}
    means = pd.DataFrame(cells, index=list(table.rows)).dropna(how="all")
    title = "Trained on one loss, scored by another" + (f" ({table.title})" if table.title else "")
    figure, (axes,) = panels(1, title, height=0.42 * len(means) + 1.0)
    values = means.to_numpy(float)
    best = np.nanmin(values, axis=0)
    # Ten times the column's best is as dark as it gets: losses that differ little look alike.
    shade = np.log10(np.maximum(values, 1e-12) / np.maximum(best, 1e-12)).clip(0, 1)
    shade_cells(axes, shade * 0.8)
    for (y, x), value in np.ndenumerate(values):
        axes.text(
            x,
            y,
            table.columns[x].mean_text(table.rows.index(means.index[y])),
            ha="center",
            va="center",
            color="white" if np.nan_to_num(shade[y, x]) > 0.72 else INK,
            fontweight="bold" if value == best[x] else "normal",
            fontsize=9 if len(names) < 8 else 8,
        )
        if loss_of(str(means.index[y])) == names[x]:
            frame = Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, fill=False, edgecolor=INK, linewidth=1.3)
            axes.add_patch(frame)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(means)), list(means.index))
    axes.xaxis.set_label_position("top")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    units = "; values shifted and scaled as in training" if scaled else ""
    axes.set_xlabel(
        f"scored by (mean on test{units}; lower is better; bold is the column's best)", color=GREY
    )
    axes.set_ylabel("trained on", color=GREY)
    axes.spines[:].set_visible(False)
    return figure
