"""Tables of results: mean and spread over seeds, the best and those not distinguishable from it marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lossbench.data.baseline import called
from lossbench.significant import alike, number
from lossbench.verdicts.baselines import NONE, Baselines
from lossbench.verdicts.conditions import LOSS, RATE, Layout
from lossbench.verdicts.contenders import loss_of, on_shared_seeds, slices
from lossbench.verdicts.family import Family, Mark
from lossbench.verdicts.results import metric_of, metrics_of, results
from lossbench.verdicts.spelling import in_words, show
from lossbench.verdicts.tuned import knobs_of, values_of

WIDE = 30.0  # times the smallest mean of a column


@dataclass(frozen=True)
class Cell:
    """Mean and spread of one condition's results; NaN where a loss does not define the metric."""

    mean: float
    deviation: float = math.nan
    n: int = 0
    mark: Mark = ""

    def text(self, size: float | None, gap: str = " ") -> str:
        """`0.912 ± 0.003`, or a dash.

        Args:
            size: what still counts; None: what counts for this cell alone.
            gap: around the sign.
        """
        if math.isnan(self.mean):
            return "-"
        parts = [self.mean] if math.isnan(self.deviation) else [self.mean, self.deviation]
        told = alike(parts, self._size() if size is None else size)
        if self.deviation > 0 and float(told[-1]) == 0:
            told[-1] = number(self.deviation, 1)  # far smaller than those of the other cells, but there
        return f"{gap}±{gap}".join(told)

    def _size(self) -> float:
        """Two digits of the spread count, or three of the mean; one of the mean whatever the spread."""
        if not self.deviation > 0:
            return abs(self.mean) / 100
        return min(self.deviation / 10, abs(self.mean) or self.deviation)


@dataclass(frozen=True)
class Column:
    """One metric, or one value of an axis, for all losses; its digits fit its spread.

    better: `higher` or `lower`
    alone: it has marks, which rest on seeds alone: the chance of the examples is not known of every pair
    """

    head: str
    cells: tuple[Cell, ...]
    better: str = ""
    alone: bool = False

    @property
    def size(self) -> float | None:
        """What still counts in every cell: the spread keeps one or two digits. None: each has its own."""
        if self.wide:
            return None
        spreads = [c.deviation for c in self.cells if c.deviation > 0] or [
            abs(c.mean) / 100 for c in self.cells if not math.isnan(c.mean) and c.mean != 0
        ]
        return float(np.median(spreads)) / 2 if spreads else 1e-3

    @property
    def wide(self) -> bool:
        """Whether its means are so far apart that digits which fit one of them hide another."""
        sizes = [abs(c.mean) for c in self.cells if not math.isnan(c.mean) and c.mean != 0]
        return len(sizes) > 1 and max(sizes) > WIDE * min(sizes)

    def text(self, place: int, gap: str = " ") -> str:
        """The cell of a row."""
        return self.cells[place].text(self.size, gap)

    def mean_text(self, place: int) -> str:
        """The mean alone."""
        return self.text(place).partition(" ")[0]


@dataclass(frozen=True)
class Table:
    """Losses as rows, each with those of its knobs that were swept; below them the baselines of the data."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[Column, ...]


Families = Callable[[str], Family]
"""The pairs of a metric, named with its prefix."""


def column(
    head: str,
    chosen: pd.DataFrame,
    rows: Sequence[str],
    family: Family,
    where: str,
    beside: Baselines = NONE,
    baselines: Sequence[str] = (),
) -> Column:
    """A column of one metric under one condition in words, on the seeds that the losses in its rows share.

    Args:
        baselines: names of those that stand below the losses, on the same seeds and outside all verdicts.
    """
    values = on_shared_seeds(chosen, family.metric)
    own = {str(row): values[row].dropna() for row in rows if row in values and values[row].notna().any()}
    sided = metric_of(chosen, family.metric).aim is None
    marks = family.marks(where, {name: float(found.mean()) for name, found in own.items()}) if sided else {}
    untrained = beside.values(chosen, family.metric, values.index)
    cells = (
        *(_cell(own.get(row), marks.get(row, "")) for row in rows),
        *(_cell(untrained.get(name)) for name in baselines),
    )
    alone = bool(marks) and not all(pair.evidence.examples for pair in family.pairs if pair.where == where)
    return Column(head, cells, ("higher" if family.higher else "lower") if sided else "", alone)


def _cell(values: pd.Series[float] | None, mark: Mark = "") -> Cell:
    known = None if values is None else values.dropna()
    if known is None or known.empty:
        return Cell(math.nan)
    if len(known) > 1 and (known == known.iloc[0]).all():  # their mean may round, and leave a deviation
        return Cell(float(known.iloc[0]), 0.0, len(known), mark)
    return Cell(float(known.mean()), float(known.std()), len(known), mark)


def metric_tables(
    chosen: pd.DataFrame, layout: Layout, families: Families, beside: Baselines = NONE
) -> list[Table]:
    """For each condition apart from the loss, a table of all test metrics of each group."""
    tables = []
    for title, rows in slices(chosen, layout.axes):
        known = metrics_of(chosen)
        for group in dict.fromkeys(metric.group for metric in known.values()):
            names = [
                name
                for name, metric in known.items()
                if metric.group == group and results(rows, f"test/{name}").notna().any()
            ]
            if names:
                judged = rows[[f"test/{name}" for name in names]].notna().any(axis="columns")
                losses = tuple(loss for loss in layout.losses if judged[rows[LOSS] == loss].any())
                below = beside.names(rows, [f"test/{name}" for name in names])
                columns = tuple(
                    column(name, rows, losses, families(f"test/{name}"), title, beside, below)
                    for name in names
                )
                tables.append(Table(title, (*_labels(rows, losses), *map(called, below)), columns))
    return tables


def axis_tables(
    chosen: pd.DataFrame, layout: Layout, metric: str, families: Families, beside: Baselines = NONE
) -> list[Table]:
    """One metric, losses by values of the main axis; a table for each value of the other axes.

    Losses for which the metric is not defined are left out.
    """
    axis = main_axis(layout)
    if axis is None:
        return []
    rest = [key for key in layout.axes if key != axis]
    short = axis.split(".")[0] if axis.endswith(".name") else in_words(axis)
    family, tables = families(f"test/{metric}"), []
    for title, rows in slices(chosen, rest):
        defined = results(rows, f"test/{metric}").notna()
        losses = tuple(loss for loss in layout.losses if defined[rows[LOSS] == loss].any())
        below = beside.names(rows, [family.metric])
        columns = tuple(
            column(show(value), part, losses, family, where, beside, below)
            for value in layout.levels[axis]
            for where, part in slices(rows[rows[axis] == value], layout.axes)
            if defined[part.index].any()
        )
        if losses:
            heading = f"test {metric} by {short}" + (f", {title}" if title else "")
            tables.append(Table(heading, (*losses, *map(called, below)), columns))
    return tables


def cross_tables(chosen: pd.DataFrame, layout: Layout, families: Families) -> list[Table]:
    """Each trained loss (rows) scored by every loss that reads its outputs (columns); the diagonal is fit."""
    names = [name for name in chosen.columns if name.startswith("test_cross/") and chosen[name].notna().any()]
    if not names:
        return []
    tables = []
    for title, rows in slices(chosen, layout.axes):
        trained = [
            loss for loss in layout.losses if rows.loc[rows[LOSS] == loss, names].notna().any(axis=None)
        ]
        losses = dict.fromkeys(loss_of(row) for row in layout.losses)
        order = [f"test_cross/{loss}" for loss in losses if f"test_cross/{loss}" in names]
        order += [name for name in names if name not in order]
        columns = tuple(
            column(name.split("/", 1)[1], rows, trained, families(name), title)
            for name in order
            if rows[name].notna().any()
        )
        if columns:
            tables.append(Table(title, tuple(trained), columns))
    return tables


def trial_of(rows: pd.DataFrame) -> dict[str, dict[Hashable, Any]]:
    """The chosen trial of each loss among rows of one condition: the columns of its first run."""
    return {str(row[LOSS]): row for row in rows.drop_duplicates(LOSS).to_dict("records")}


def _labels(rows: pd.DataFrame, losses: Sequence[str]) -> tuple[str, ...]:
    """Rows of one condition as they are shown: with what was chosen, where more than the rate was tuned."""
    if not values_of(rows):
        return tuple(losses)
    chosen = trial_of(rows)
    return tuple(f"{loss} ({_trial(chosen[loss])})" for loss in losses)


def _trial(row: Mapping[Hashable, Any]) -> str:
    """`delta 0.31, lr 0.0042, chosen of 16`."""
    return ", ".join([*knobs_of(row, 2), f"lr {number(row[RATE], 2)}", f"chosen of {row['tried']}"])


def main_axis(layout: Layout) -> str | None:
    """The numeric axis with the most values, else the first axis."""
    numeric = [key for key in layout.axes if all(isinstance(v, (int, float)) for v in layout.levels[key])]
    return max(numeric or layout.axes, key=lambda key: len(layout.levels[key]), default=None)
