"""What all figures share: fonts and panels, names of axes and lines, bands, scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from lossbench.metrics.measure import Metric
from lossbench.report.figures.looks import INK, Look
from lossbench.verdicts.spelling import in_words
from lossbench.verdicts.statistics import paired_interval

WIDTH = 8.0  # inches; at DPI 150 a PNG is 1200 pixels wide
DPI = 150
SHADES = 128  # colours of a PNG; enough for lines and greys, a third of the bytes
GREY, FAINT = "#767676", "#e2e2e2"
PAINT = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "text.color": INK,
}

painted = rc_context(PAINT)  # decorates functions that draw: the settings of matplotlib stay as they were


@painted
def panels(
    count: int,
    title: str,
    *,
    where: str = "",
    height: float = 3.6,
    most: int | None = None,
    share: str = "all",
    square: bool = False,
) -> tuple[Any, list[Any]]:
    """A figure and its panels, row by row, all of one size.

    Args:
        count: of panels, at least 1.
        title: of the figure; its subject in one line.
        where: the one condition that it shows, in words.
        height: inches of one row.
        most: panels in a row; None: three, but four make two rows of two.
        share: which axes have one scale: "all", "x", "y" or "none".
        square: panels as high as they are wide.
    """
    most = most or (2 if count == 4 else 3)
    columns = min(count, most)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, rows * height + 0.4), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    same_x, same_y = share in ("all", "x"), share in ("all", "y")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=same_x, sharey=same_y)
    figure.suptitle(
        f"{title} ({where})" if where else title, x=0.008, ha="left", fontsize=11, fontweight="bold"
    )
    found = list(grid.flat)
    for extra in found[count:]:
        extra.remove()
    for place, axes in enumerate(found[:count]):
        axes.tick_params(labelbottom=place + columns >= count or not same_x)
        if square:
            axes.set_box_aspect(1)
    return figure, found[:count]


def name_y(figure: Any, places: Sequence[Any], text: str) -> None:
    """The name of the vertical axis: once for a grid of panels, else beside the first."""
    if len(places) > 3:
        figure.supylabel(text, fontsize=9)
    else:
        low = figure.get_figheight() < 4  # the label would be longer than its axis
        places[0].set_ylabel(text.replace(" (", "\n(") if low else text)


def lines_behind(axes: Any, which: str = "y") -> None:
    """Faint grid lines to read values from."""
    axes.grid(axis=which, color=FAINT, linewidth=0.8)


@painted
def legend(
    figure: Any, drawn_as: Mapping[str, Look], *, marker: bool = True, beside: Sequence[Line2D] = ()
) -> None:
    """One legend for all panels, below them, of names and their looks.

    marker: whether lines have markers, as those of the panels.
    beside: what else is drawn, with its label.
    """
    handles = [Line2D([], [], label=loss, **own.kwargs(marker)) for loss, own in drawn_as.items()]
    handles += beside
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    columns = min(len(handles), 6 if longest < 14 else 4 if longest < 24 else 3)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=3.2, fontsize=9)


def label_ends(axes: Any, ends: Sequence[tuple[str, float]], drawn_as: Mapping[str, Look]) -> None:
    """The name of each loss at the right of its line, pushed apart where they would overlap.

    ends: (loss, y of the line's last point in data units); scale and limits are final.
    """
    axes.autoscale_view()  # what was drawn last counts too, and would not after the next line
    axes.autoscale(False)  # artists in units of the axes would count as data
    axes.figure.draw_without_rendering()
    box = axes.get_window_extent()
    gap = 13 * DPI / 72 / box.height
    inside = axes.transData + axes.transAxes.inverted()
    right = axes.get_xlim()[1]
    heights = sorted((float(inside.transform((right, y))[1]), loss) for loss, y in ends)
    spread = apart([height for height, _ in heights], gap)
    for (height, loss), place in zip(heights, spread, strict=True):
        beside = {"transform": axes.transAxes, "clip_on": False}
        axes.plot([1.005, 1.03], [height, place], color=GREY, linewidth=0.6, **beside)
        axes.plot([1.045], [place], **{**drawn_as[loss].kwargs(), "linestyle": "none"}, **beside)
        axes.text(1.065, place, loss, transform=axes.transAxes, va="center", fontsize=9)


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Rising heights moved as little as needed to be `gap` apart, and within 0 to 1 if they all fit."""
    steps = gap * np.arange(len(heights))
    lowest = isotonic_regression(np.asarray(heights) - steps).x  # each where its neighbours would leave it
    room = 1.0 - gap * (len(heights) - 1)
    kept: list[float] = (lowest.clip(0.0, max(0.0, room)) + steps).tolist()
    return kept


FEWEST_FOR_BAND = 4  # fewer seeds give an interval that says nothing and hides everything


def band(values: ArrayLike, metric: Metric) -> tuple[float, float, float]:
    """Mean and its 95% t interval over seeds, cut where the metric ends; the mean thrice below four seeds."""
    interval = paired_interval(np.asarray(values, dtype=float))
    middle = float(interval.estimate)
    if interval.n < FEWEST_FOR_BAND:
        return middle, middle, middle
    lowest, highest = metric.range
    return middle, max(float(interval.low), lowest), min(float(interval.high), highest)


def scale_for(values: ArrayLike, ratio: float = 12.0) -> str:
    """`log` where positive values span more than `ratio`, else `linear`."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    positive = len(known) > 0 and known.min() > 0
    return "log" if positive and known.max() / known.min() > ratio else "linear"


def metric_label(metric: Metric, prefix: str = "test ", scale: str = "linear") -> str:
    """For an axis: `test RMSE (units of the target; lower is better)`, with its scale where that is `log`."""
    unit = f"{metric.unit}; " if metric.unit else ""
    log = "; log scale" if scale == "log" else ""
    return f"{prefix}{metric.shown} ({unit}{metric.direction} is better{log})"


def shade_cells(axes: Any, shades: ArrayLike) -> None:
    """A table of cells (rows, columns) from the first row down, each as dark as its shade in 0..1."""
    rows, columns = np.shape(shades)
    for (row, column), shade in np.ndenumerate(np.nan_to_num(shades)):
        if shade > 0:
            place = (column - 0.5, row - 0.5)
            axes.add_patch(Rectangle(place, 1, 1, facecolor=INK, linewidth=0, alpha=float(shade), zorder=0))
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def axis_name(param: str) -> str:
    """A param in words: `data.label_noise` is `label noise`, `model.name` is `model`."""
    group, _, knob = param.partition(".")
    return group if knob in ("name", "") else in_words(param)


def only(parts: Sequence[tuple[str, Any]]) -> str:
    """The condition of the only part, which then stands in the title of the figure."""
    return parts[0][0] if len(parts) == 1 else ""
