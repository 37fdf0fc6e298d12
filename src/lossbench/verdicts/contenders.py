"""What stands in the rows of a table: losses, or a loss with those of its knobs that were swept.

`huber, delta 0.3` and `huber, delta 1` compete like two losses. Knobs that were not swept are told beside the
tables: a loss whose default smooths labels has an advantage that its name does not show.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lossbench.verdicts.conditions import LOSS, Layout, in_order, label
from lossbench.verdicts.results import by_seed, results
from lossbench.verdicts.spelling import show, sorting

# How an adapted loss is read; what it computes stands in its other parts.
_READING = ("trains_on", "encoding", "output_size", "meaning", "stackable", "recipe")
_OFF = ("", "0", "false", "none", "null", "nan", "[]")


@dataclass(frozen=True)
class Contenders:
    """Runs named by contender, and the layout that has no knobs of losses among its axes.

    rows: as given, but `loss.name` holds the contender
    """

    rows: pd.DataFrame
    layout: Layout

    @staticmethod
    def of(rows: pd.DataFrame, layout: Layout) -> Contenders:
        """Of the runs of an experiment; the same rows where no knob of a loss was swept."""
        knobs = loss_knobs(layout.axes)
        if not knobs:
            return Contenders(rows, layout)
        ordered = in_order(rows, replace(layout, axes=tuple(knobs)))
        names = [contender(row, layout.axes) for row in ordered[[LOSS, *knobs]].to_dict("records")]
        rest = tuple(axis for axis in layout.axes if axis not in knobs)
        levels = {axis: layout.levels[axis] for axis in rest}
        return Contenders(ordered.assign(**{LOSS: names}), Layout(tuple(dict.fromkeys(names)), rest, levels))


def contender(row: Mapping[Hashable, Any], axes: Sequence[str]) -> str:
    """A loss with those of its knobs that were swept: `huber, delta 0.3`."""
    return label(row, [LOSS, *(axis for axis in loss_knobs(axes) if pd.notna(row[axis]))])


def loss_of(contender: str) -> str:
    """The loss of a contender."""
    return contender.partition(", ")[0]


def loss_knobs(axes: Sequence[str]) -> list[str]:
    """The axes that are knobs of a loss."""
    return [axis for axis in axes if axis.startswith("loss.")]


def fixed_knobs(runs: pd.DataFrame, layout: Layout) -> dict[str, str]:
    """The knobs of each loss that were not swept and are not off: `{"kl": "label smoothing 0.1"}`."""
    names = [name for name in runs.columns if name.startswith("loss.") and name not in (LOSS, *layout.axes)]
    told = {}
    for loss in layout.losses:
        own = runs.loc[runs[LOSS] == loss, names]
        parts = {name: _told(loss, name, own[name].dropna().unique().tolist()) for name in names}
        several = {name for name in names if parts.get(f"{name}s")}  # levels, in place of which is no level
        texts = [text for name in names if name not in several for text in parts[name]]
        if texts:
            told[loss] = ", ".join(texts)
    return told


def _told(loss: str, name: str, values: Sequence[Any]) -> list[str]:
    """A knob in words, unless it is off, names the loss anyway, or says how an adapted loss is read."""
    knob = name.split(".")[-1]
    if knob.startswith("_") or knob in _READING or len(values) != 1:
        return []
    value, words = show(values[0]), knob.replace("_", " ")
    if value.lower() in _OFF:
        return []
    if value.lower() == "true":
        return [] if words in loss else [words]
    return [f"{words} {value}"]


def slices(rows: pd.DataFrame, axes: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each value of the axes, with the values in words."""
    if not axes:
        return [("", rows)]
    found = []
    parts = [
        (key if isinstance(key, tuple) else (key,), part)
        for key, part in rows.groupby(list(axes), dropna=False, sort=False)
    ]
    for key, part in sorted(parts, key=lambda one: [sorting(value) for value in one[0]]):
        values: dict[str, Any] = dict(zip(axes, key, strict=True))
        found.append((label({LOSS: "", **values}, [LOSS, *axes]).removeprefix(", "), part))
    return found


def on_shared_seeds(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Results under one condition, seeds by names: of the seeds that all names with results have.

    A mean over other seeds than its rival's would show whose seeds were the easier ones. Where no seed is
    shared by all, all that there are.
    """
    values = by_seed(rows, results(rows, metric)).dropna(axis="columns", how="all")
    shared = values.dropna()
    return shared if len(shared) else values


def finalists(ranked: pd.DataFrame, layout: Layout, higher: bool) -> dict[str, tuple[str, ...]]:
    """For each condition in words, the contender of each loss that validation chose.

    Knobs of a loss that were swept are chosen like the learning rate: by the mean of the selecting metric on
    validation, among those of which the most seeds finished.
    """
    best = Contenders.of(ranked[ranked["rank"] == 0], layout)
    found = {}
    for where, rows in slices(best.rows, best.layout.axes):
        order = rows.sort_values(
            ["finished", "validation"], ascending=[False, not higher], kind="stable", na_position="last"
        )
        first = order.assign(loss=order[LOSS].map(loss_of)).drop_duplicates("loss")
        names = set(first[LOSS])
        found[where] = tuple(str(name) for name in rows[LOSS] if name in names)
    return found
