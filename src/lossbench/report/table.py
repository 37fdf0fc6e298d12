"""Tables of results: mean and spread over seeds, the best and those not distinguishable from it marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from lossbench.metrics.names import METRICS
from lossbench.report.conditions import LOSS, RATE, SEED, Layout, higher_is_better, label, results, show
from lossbench.report.contenders import loss_of
from lossbench.report.sign_flips import Floats, sign_flip_p
from lossbench.report.statistics import Region, decide, holm, paired_interval

Mark = Literal["best", "tied", ""]
ROUNDING = 1e-9  # of the largest result
WIDE = 30.0  # times the smallest mean of a column
LEGEND = (
    "mean ± standard deviation over seeds; * best mean, ~ no verdict separates it from the best "
    "(by the rule of the claims, Holm-corrected within the column)"
)


@dataclass(frozen=True)
class Cell:
    """Mean and spread of one condition's results; NaN where a loss does not define the metric."""

    mean: float
    deviation: float = math.nan
    n: int = 0
    mark: Mark = ""

    def text(self, decimals: int | None, gap: str = " ") -> str:
        """`0.912 ± 0.003`, or a dash; without `decimals` in digits that count for this cell alone."""
        if math.isnan(self.mean):
            return "-"
        parts = [self.mean] if math.isnan(self.deviation) else [self.mean, self.deviation]
        if decimals is None:
            return f"{gap}±{gap}".join(self._own(part) for part in parts)
        return f"{gap}±{gap}".join(f"{part:.{decimals}f}" for part in parts)

    def _own(self, value: float) -> str:
        """With three digits of the mean that count, and two of the spread."""
        size = abs(self.mean)
        if value and not 1e-4 <= abs(value) < 1e5:
            return f"{value:.1e}"
        digits = [2 - _exponent(size)] if size >= 1e-4 else []
        digits += [1 - _exponent(self.deviation)] if self.deviation > 0 else []
        return f"{value:.{min(6, max(0, *digits, 0))}f}"


def _exponent(value: float) -> int:
    return math.floor(math.log10(value))


@dataclass(frozen=True)
class Column:
    """One metric, or one value of an axis, for all losses; `decimals` fit its spread."""

    head: str
    cells: tuple[Cell, ...]
    better: str = ""  # higher or lower

    @property
    def decimals(self) -> int:
        """Digits after the point: the spread keeps one or two that count."""
        spreads = [c.deviation for c in self.cells if c.deviation > 0] or [
            abs(c.mean) / 100 for c in self.cells if not math.isnan(c.mean) and c.mean != 0
        ]
        if not spreads:
            return 3
        return min(4, max(0, math.ceil(-math.log10(float(np.median(spreads)) / 2))))

    @property
    def wide(self) -> bool:
        """Whether its means are so far apart that digits which fit one of them hide another."""
        sizes = [abs(c.mean) for c in self.cells if not math.isnan(c.mean) and c.mean != 0]
        return len(sizes) > 1 and max(sizes) > WIDE * min(sizes)

    def text(self, place: int, gap: str = " ", most: int = 4) -> str:
        """The cell of a row, with at most so many digits after the point where all cells have as many."""
        return self.cells[place].text(None if self.wide else min(most, self.decimals), gap)

    def mean_text(self, place: int) -> str:
        """The mean alone."""
        return self.text(place).partition(" ")[0]


@dataclass(frozen=True)
class Table:
    """Losses as rows, each with those of its knobs that were swept."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[Column, ...]


def mark(values: pd.DataFrame, higher: bool) -> dict[str, Mark]:
    """The best column and those whose difference from it gets no verdict; nothing where it stands alone.

    The rule is that of the claims (`statistics.decide`): "the best is better than this one" for each of the
    others, Holm-corrected over them.

    Args:
        values: one row per seed, one column per loss.
        higher: whether more is better.
    """
    known = values.dropna(axis="columns", how="all")
    if known.shape[1] < 2:
        return {}
    means = known.mean()
    best = str(means.idxmax() if higher else means.idxmin())
    others = [str(name) for name in known.columns if name != best]
    told: dict[str, Mark] = {best: "best"}
    return told | dict.fromkeys(_undecided(known, best, others), "tied")


def _undecided(known: pd.DataFrame, best: str, others: Sequence[str]) -> list[str]:
    """Those of the others that no verdict separates from the best."""
    size = float(known.abs().max().max())
    found = {other: _differences(known[best] - known[other], size) for other in others}
    p = dict.fromkeys(others, 1.0)
    for count in {len(values) for values in found.values()}:
        names = [name for name in others if len(found[name]) == count]  # of one length, so that one call does
        if count:
            p |= dict(zip(names, sign_flip_p(np.stack([found[name] for name in names])), strict=True))
    adjusted = holm(list(p.values()))
    region = Region(low=0.0)
    return [
        name
        for name, value in zip(others, adjusted, strict=True)
        if len(found[name]) < 2
        # Which side is put first changes nothing: differences from the best lie on either side of zero.
        or decide(paired_interval(found[name]), value, region) == 0
    ]


def _differences(differences: pd.Series[float], size: float) -> Floats:
    """Paired differences; zero where only rounding tells them from it."""
    values = differences.dropna().to_numpy(float)
    return np.where(np.abs(values) <= ROUNDING * size, 0.0, values)


def column(head: str, chosen: pd.DataFrame, rows: Sequence[str], metric: str, by: str = LOSS) -> Column:
    """A column of one metric (with its prefix) for rows named by the values of `by`."""
    values = chosen.assign(value=results(chosen, metric)).pivot_table(
        index=SEED, columns=by, values="value", observed=True
    )
    marks = mark(values, higher_is_better(metric))
    cells = []
    for row in rows:
        own = values[row].dropna() if row in values else pd.Series(dtype=float)
        if own.empty:
            cells.append(Cell(math.nan))
        else:
            cells.append(Cell(float(own.mean()), float(own.std()), len(own), marks.get(row, "")))
    return Column(head, tuple(cells), "higher" if higher_is_better(metric) else "lower")


def metric_tables(chosen: pd.DataFrame, layout: Layout) -> list[Table]:
    """For each condition apart from the loss, a table of all test metrics of each family."""
    tables = []
    for title, rows in slices(chosen, layout.axes):
        for family in ("continuous", "classes", "identities"):
            names = [
                name
                for name, metric in METRICS.items()
                if metric.family == family and results(rows, f"test/{name}").notna().any()
            ]
            if names:
                judged = rows[[f"test/{name}" for name in names]].notna().any(axis="columns")
                losses = tuple(loss for loss in layout.losses if judged[rows[LOSS] == loss].any())
                columns = tuple(column(name, rows, losses, f"test/{name}") for name in names)
                tables.append(Table(title, losses, columns))
    return tables


def axis_tables(chosen: pd.DataFrame, layout: Layout, metric: str) -> list[Table]:
    """One metric, losses by values of the main axis; a table for each value of the other axes."""
    axis = main_axis(layout)
    if axis is None:
        return []
    rest = [key for key in layout.axes if key != axis]
    short = axis.split(".")[0] if axis.endswith(".name") else axis.split(".", 1)[1].replace("_", " ")
    tables = []
    for title, rows in slices(chosen, rest):
        columns = tuple(
            column(show(value), rows[rows[axis] == value], layout.losses, f"test/{metric}")
            for value in layout.levels[axis]
            if (rows[axis] == value).any()
        )
        tables.append(
            Table(f"test {metric} by {short}" + (f", {title}" if title else ""), layout.losses, columns)
        )
    return tables


def cross_tables(chosen: pd.DataFrame, layout: Layout) -> list[Table]:
    """Each trained loss (rows) scored by every loss that reads its outputs (columns); the diagonal is fit."""
    names = [name for name in chosen.columns if name.startswith("cross/") and chosen[name].notna().any()]
    if not names:
        return []
    tables = []
    for title, rows in slices(chosen, layout.axes):
        losses = dict.fromkeys(loss_of(row) for row in layout.losses)
        order = [f"cross/{loss}" for loss in losses if f"cross/{loss}" in names]
        order += [name for name in names if name not in order]
        columns = tuple(column(name.split("/", 1)[1], rows, layout.losses, name) for name in order)
        tables.append(Table(title, layout.losses, columns))
    return tables


def rate_of(rows: pd.DataFrame) -> dict[str, float]:
    """The chosen learning rate of each loss among rows of one condition."""
    return {str(loss): float(rate) for loss, rate in rows.groupby(LOSS, sort=False)[RATE].first().items()}


def main_axis(layout: Layout) -> str | None:
    """The numeric axis with the most values, else the first axis."""
    numeric = [key for key in layout.axes if all(isinstance(v, (int, float)) for v in layout.levels[key])]
    return max(numeric or layout.axes, key=lambda key: len(layout.levels[key]), default=None)


def slices(rows: pd.DataFrame, axes: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each value of the axes, with the values in words."""
    if not axes:
        return [("", rows)]
    found = []
    for key, part in rows.groupby(list(axes), dropna=False, sort=True):
        values: dict[str, Any] = dict(zip(axes, key if isinstance(key, tuple) else (key,), strict=True))
        found.append((label({LOSS: "", **values}, [LOSS, *axes]).removeprefix(", "), part))
    return found
