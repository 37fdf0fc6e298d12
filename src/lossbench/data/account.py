"""What was made of each column of a user's file, in one line per kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbench.significant import between

if TYPE_CHECKING:
    from lossbench.data.columns import Columns

_SHOWN = 12  # columns of a kind


def account(table: Columns, *, all_columns: bool = False) -> list[str]:
    """The lines to print.

    Args:
        all_columns: of a wide table, too.
    """
    options = table.options
    shown = len(table.frame.columns) + len(table.left_out) + len(options.drop) if all_columns else _SHOWN
    kinds = {
        "target": [_target(table)],
        "time": [_time(table)] if table.times is not None else [],
        "group": [f"{options.group} ({table.groups.max() + 1})"] if table.groups is not None else [],
        "numbers": [f"{name}{_unit(table, name)}" for name in table.numbers],
        "categories": [_category(table, name) for name in table.categories],
        "left out": [
            *(f"{name} ({why})" for name, why in table.left_out.items()),
            *(f"{name} (data.drop)" for name in options.drop),
        ],
    }
    lines = [f"  {kind}: {_listed(items, shown)}" for kind, items in kinds.items() if items]
    rows = len(table.target)
    tested = "" if table.test is None else f", the last {len(table.test)} of them the test"
    said = f"; {table.predicted.said}" if table.predicted.said else ""
    return [f"{table.file}: {rows} rows{tested}{said}", *lines, *(f"  ! {note}" for note in table.notes)]


def _listed(items: Sequence[str], shown: int) -> str:
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return f"{', '.join(items[:shown])}{more}"


def _target(table: Columns) -> str:
    name, target, labels = table.options.target, table.target, table.labels
    if labels is not None:
        counts = [f"{own} ({count})" for own, count in zip(labels.names, labels.counts, strict=True)]
        return f"{name}, {len(counts)} classes: {_listed(counts, _SHOWN)}"
    low, high = float(target.min()), float(target.max())
    if ((target == low) | (target == high)).all():
        return f"{name}{_unit(table, name)}, {low:.12g} or {high:.12g}: two values, like a class"
    return f"{name}{_unit(table, name)}, from {between(low, high)}"


def _time(table: Columns) -> str:
    times = table.times
    assert times is not None
    first, last = (times.shown(float(end)) for end in (times.stamps.min(), times.stamps.max()))
    return f"{table.options.time}, from {first} to {last}"


def _unit(table: Columns, name: str) -> str:
    unit = table.units.get(name)
    return f" (in {unit})" if unit else ""


def _category(table: Columns, name: str) -> str:
    column, known = table.frame[name], table.categories[name]
    distinct = column.nunique()
    if distinct == len(known):
        return f"{name} ({distinct})"
    unknown = 1 - float(column.isin(known).mean())
    return f"{name} ({len(known)} of {distinct}; the others, {unknown:.2g} of the rows, count as unknown)"
