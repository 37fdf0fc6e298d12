"""Axes that can be read: tick labels that keep apart, and a window on the losses that are near the best."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import ticker

from lossbench.metrics.measure import Metric
from lossbench.report.figures.looks import Look, ordered
from lossbench.report.figures.style import WIDTH, label_ends, legend, scale_for
from lossbench.significant import number

_MARGIN = 0.8  # inches of a panel's share of the figure that its axis does not have
_LETTER, _GAP = 0.068, 0.1  # inches: a letter of a tick label, and what keeps two labels apart
CROWD = 5  # losses from which on lines need the room that one far from all others would take
_FAR = 3.0  # times the gap of the next better loss
_REACH = 4.0  # heights of the near losses' best results that a window shows
_CLOSEST = 0.1  # of everything that could be shown; a window closer than that would magnify chance
_WORTH = 1.5  # times the height of a window, from which on it is chosen before everything
_WORTH_LEVELS = 3.0  # the same where every point is a result, which nobody may miss for a little more room


def name_ticks(axes: Any, xs: Sequence[float]) -> None:
    """A tick at each of the rising xs, a label at as many as fit, once the horizontal scale is set: powers of
    ten first on a log axis, else the ends first."""
    logarithmic = axes.get_xscale() == "log"
    places = np.log10(xs) if logarithmic else np.asarray(xs, dtype=float)
    width = WIDTH / axes.get_gridspec().ncols - _MARGIN
    inches = (places - places[0]) / (np.ptp(places) or 1.0) * width
    texts = [f"{x:g}" for x in xs]
    first = np.abs(places - places.round()) < 1e-9 if logarithmic else np.isin(places, places[[0, -1]])
    kept: list[int] = []
    for place in [*np.flatnonzero(first), *np.flatnonzero(~first)]:
        if all(_apart(inches, texts, place, other) for other in kept):
            kept.append(int(place))
    axes.set_xticks(xs, [text if place in kept else "" for place, text in enumerate(texts)])
    axes.minorticks_off()


def round_numbers(values: Sequence[float]) -> list[float]:
    """1, 2 and 5 times powers of ten among the rising positive values, for ticks on a log axis; the values
    themselves where fewer than two lie there."""
    powers = range(math.floor(math.log10(values[0])), math.ceil(math.log10(values[-1])) + 1)
    found = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    inside = [one for one in found if values[0] <= one * (1 + 1e-9) and one <= values[-1] * (1 + 1e-9)]
    return inside if len(inside) > 1 else list(values)


def _apart(inches: Any, texts: Sequence[str], one: int, other: int) -> bool:
    needed = _LETTER * (len(texts[one]) + len(texts[other])) / 2 + _GAP
    return bool(abs(inches[one] - inches[other]) >= needed)


@dataclass
class Panel:
    """A panel with lines.

    lines: the heights of each loss from left to right
    outside: losses of which no point lies in the window
    looks: of all that the figure shows
    """

    axes: Any
    looks: Mapping[str, Look]
    lines: dict[str, list[float]] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)

    @property
    def ends(self) -> list[tuple[str, float]]:
        """Each loss with the height of its line's last point."""
        return [(loss, heights[-1]) for loss, heights in self.lines.items()]


def settle(found: Sequence[Panel], metric: Metric, *, levels: bool = False) -> None:
    """Choose vertical scales once everything is drawn, then name the losses.

    Many losses get a window on those near the best, and a note names those that lie outside: one loss that
    fails would otherwise leave a tenth of the height to all others.

    levels: every point of a line is a result, not only its best, and all panels have one axis.
    """
    merged: dict[str, list[float]] = {}
    for panel in found:
        for loss, heights in panel.lines.items():
            merged.setdefault(loss, []).extend(heights)
    for panel in found:
        seen = merged if levels else panel.lines
        if not seen:
            continue
        _scale(panel.axes, [height for heights in seen.values() for height in heights])
        limits = window(seen, metric, levels=levels, logarithmic=panel.axes.get_yscale() == "log")
        if limits is not None:
            low, high = limits
            panel.axes.set_ylim(low, high)
            inside = {loss for loss, own in panel.lines.items() if any(low <= one <= high for one in own)}
            panel.outside = [loss for loss in panel.lines if loss not in inside]
            _note(panel, limits, metric, levels=levels)
    _name(found)


def _name(found: Sequence[Panel]) -> None:
    """The losses that can be seen: at the ends of their lines where one panel shows all ends, else below."""
    seen = [loss for panel in found for loss in panel.lines if loss not in panel.outside]
    low, high = found[0].axes.get_ylim()
    ends = [(loss, end) for loss, end in found[0].ends if low <= end <= high]
    if len(found) == 1 and len(ends) == len(seen):
        label_ends(found[0].axes, ends, found[0].looks)
    else:
        legend(found[0].axes.figure, {loss: found[0].looks[loss] for loss in ordered(seen)})


def window(
    lines: Mapping[str, Sequence[float]], metric: Metric, *, levels: bool = False, logarithmic: bool = False
) -> tuple[float, float] | None:
    """Limits that give the losses near the best the room they need; None where all can be shown.

    levels: near losses are shown from end to end; else what they reach at best matters, and lines may come
    from outside.
    """
    if len(lines) < CROWD:
        return None
    sign = 1.0 if metric.higher_is_better else -1.0
    turned = {
        loss: sign * (np.log10(heights) if logarithmic else np.asarray(heights, dtype=float))
        for loss, heights in lines.items()
    }
    top = max(float(heights.max()) for heights in turned.values())
    lowest = min(float(heights.min()) for heights in turned.values())
    judged = sorted((float(h.min() if levels else h.max()) for h in turned.values()), reverse=True)
    last = judged[_near(judged) - 1]
    reach = 1.1 * (top - last) if levels else _REACH * (top - last)
    reach = max(reach, _CLOSEST * (top - lowest))
    if top - lowest <= (_WORTH_LEVELS if levels else _WORTH) * reach:
        return None
    edges = sorted((sign * (top - reach), sign * (top + 0.12 * reach)))
    low, high = (10**edge for edge in edges) if logarithmic else edges
    return float(low), float(high)


def _near(results: Sequence[float]) -> int:
    """How many results, falling, come before the first that is far from the best; at least half of them."""
    gaps = results[0] - np.asarray(results)
    for place in range(-(-len(results) // 2), len(results)):
        if gaps[place] > _FAR * gaps[place - 1]:
            return place
    return len(results)


def difference_ticks(low: float, high: float, linear: float | None = None) -> list[float]:
    """Three to five round ticks for differences, zero among them where it is shown.

    linear: up to where a symmetric log axis is linear; None for a linear axis.
    """
    if linear is None:
        found = np.asarray(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)).tolist()
    else:
        found = [0.0]
        for end in (low, high):
            sizes = {_round(min(linear, abs(end))), _round(abs(end))}
            found += [math.copysign(size, end) for size in sizes if size > 0 and end != 0]
    return sorted({tick for tick in found if low <= tick <= high})


def _round(size: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above the size."""
    if size <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(size))
    return max(step * power for step in (1, 2, 5) if step * power <= size * (1 + 1e-9))


def _note(panel: Panel, limits: tuple[float, float], metric: Metric, *, levels: bool) -> None:
    """Name the losses outside the window with their best result, below the panel, where no line is.

    levels: and those that leave it, with their worst.
    """
    more = metric.higher_is_better
    best, worst = (max, min) if more else (min, max)
    leaving = [
        loss
        for loss, heights in panel.lines.items()
        if levels and loss not in panel.outside and not limits[0] <= worst(heights) <= limits[1]
    ]
    side = "below" if more else "above"
    letters = int((WIDTH / panel.axes.get_gridspec().ncols - _MARGIN) / _LETTER)
    told = [panel.axes.get_xlabel()]
    for when, which, losses in (("at best", best, panel.outside), ("at worst", worst, leaving)):
        named = ", ".join(f"{loss} ({number(which(panel.lines[loss]), 2)})" for loss in losses)
        told += textwrap.wrap(f"{side}, {when}: {named}", letters) if losses else []
    panel.axes.set_xlabel("\n".join(filter(None, told)))


def _scale(axes: Any, heights: Sequence[float]) -> None:
    """Logarithmic where the heights span orders of magnitude; ticks as plain numbers."""
    if scale_for(heights) != "log":
        return
    axes.set_yscale("log")
    axes.set_ylim(min(heights) / 1.3, max(heights) * 1.3)
    axes.yaxis.set_major_locator(ticker.LogLocator(10, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())
