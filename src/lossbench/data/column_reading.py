"""What becomes of one column: numbers, categories, or nothing; and what is wrong in it, with the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.data import column_kinds
from lossbench.data.conventions import (
    Convention,
    better,
    grouped_by_points,
    in_ascii,
    mixed_units,
    present,
    without_unit,
)
from lossbench.errors import InputError
from lossbench.quoting import typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

MISSING = "(missing)"
_LARGEST = 1e30  # far from the end of float32


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; the fields are the knobs of `data=csv`."""

    separator: str
    convention: Convention
    target: str
    group: str | None
    drop: tuple[str, ...]
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    max_categories: int
    min_count: int
    fewest: int


@dataclass(frozen=True, eq=False)
class Column:
    """A column, understood.

    content: float64 with NaN, or texts without; of a column that is left out, whatever it is.
    why: why it is left out; "" where it is not.
    unit: the sign or unit that was taken off every cell.
    note: what may be wrong in it.
    """

    content: pd.Series[Any]
    why: str = ""
    unit: str = ""
    note: str = ""


def read_column(cells: pd.Series[str], options: Reading, file: str) -> Column:
    """A feature.

    Raises:
        InputError: most of its cells are numbers, in this convention or another, and some are not.
    """
    name = str(cells.name)
    if name in options.categories:
        return _texts(cells, options)
    owner = f"the column {name} of {file}"
    unit, bare, values = _numbers(cells, options.convention)
    there = int(present(cells).sum())
    if name not in options.numbers and 2 * int(values.notna().sum()) < there:
        if column_kinds.are_dates(cells):
            return Column(cells, "dates")
        _refuse_other_convention(bare, cells, options.convention, owner, name)
        _refuse_mixed_signs(cells, owner, name)
        return _texts(cells, options)
    wrong = present(bare) & values.isna()
    if wrong.any():
        _refuse_other_convention(bare, cells, options.convention, owner, name)
    remedy = f"correct it, leave it empty, or set {typed('data.categories', [name])}"
    _refuse_first(wrong, cells, owner, "is no number, unlike most of the column", remedy)
    _refuse_first(values.abs() > _LARGEST, cells, owner, "is not finite or too large", "correct it")
    return _number_column(values, unit, bare, options, name)


def read_target(cells: pd.Series[str], options: Reading, file: str) -> tuple[npt.NDArray[np.float64], Column]:
    """The numbers to predict, and the same as a column.

    Raises:
        InputError: one is missing or no number, or all are equal.
    """
    import numpy as np

    owner = f"the target {cells.name} of {file}"
    _refuse_first(~present(cells), cells, owner, "", "remove such rows")
    unit, bare, values = _numbers(cells, options.convention)
    if values.isna().any():
        _refuse_other_convention(bare, cells, options.convention, owner, None)
        _refuse_mixed_signs(cells, owner, None)
    remedy = "correct it, or choose another data.target"
    _refuse_first(values.isna(), cells, owner, "is no number", remedy)
    _refuse_first(values.abs() > _LARGEST, cells, owner, "is not finite or too large", "correct it")
    if values.min() == values.max():
        raise InputError(f"{owner[0].upper()}{owner[1:]} is {values[0]:.12g} in every row: nothing to learn.")
    note = _convention_note(bare, options.convention, str(cells.name))
    two = sorted(values.unique())
    if len(two) == 2:
        note = (
            f"the target {cells.name} has two values, {two[0]:.12g} and {two[1]:.12g}, like a class; here it "
            "is predicted as a number, by losses and metrics of numbers"
        )
    # A copy: pandas' own array cannot be written to.
    return np.array(values, dtype=np.float64), Column(values, unit=unit, note=note)


def known_categories(column: pd.Series[Any], options: Reading) -> tuple[str, ...]:
    """The most frequent categories of the whole file; of equally frequent ones, the first by alphabet."""
    counts = column.value_counts()
    frequent = [(-int(count), str(name)) for name, count in counts.items() if count >= options.min_count]
    return tuple(name for _, name in sorted(frequent)[: options.max_categories])


def _numbers(cells: pd.Series[str], convention: Convention) -> tuple[str, pd.Series[str], pd.Series[float]]:
    """The unit that every cell carries, the cells without it, and their numbers with NaN."""
    values = convention.numbers(cells)
    there = present(cells)
    if (values.isna() & there).any():
        cells = in_ascii(cells)
        values = convention.numbers(cells)
    if 2 * int(values.notna().sum()) >= int(there.sum()):
        return "", cells, values
    unit, bare = without_unit(cells)
    return (unit, bare, convention.numbers(bare)) if unit else ("", cells, values)


def _number_column(
    values: pd.Series[float], unit: str, cells: pd.Series[str], options: Reading, name: str
) -> Column:
    if values.notna().sum() == 0:
        return Column(values, "empty")
    if values.min() == values.max():
        return Column(values, "one value only")
    if name in options.numbers:
        return Column(values, unit=unit)
    keep = f"unless {typed('data.numbers', [name])}"
    if column_kinds.are_days(values):
        return Column(values, f"dates, {keep}")
    if column_kinds.are_row_numbers(values):
        return Column(values, f"numbers of the rows, {keep}")
    if column_kinds.named_as_id(name, values):
        drop = typed("data.drop", [name])
        note = f"{name} is another number in each row and named like an id; {drop} leaves it out"
        return Column(values, unit=unit, note=note)
    return Column(values, unit=unit, note=_convention_note(cells, options.convention, name))


def _texts(cells: pd.Series[str], options: Reading) -> Column:
    column = cells.mask(cells == "", MISSING).astype(object)
    if (column == column.iloc[0]).all():
        return Column(column, "empty" if column.iloc[0] == MISSING else "one value only")
    known = known_categories(column, options)
    note, name = "", str(cells.name)
    if column.nunique() > options.max_categories and name not in options.categories:
        units = mixed_units(cells, signs_alone=False)
        note = f"{name} has {units[0]} and {units[1]}: they are numbers in one unit alone" if units else ""
    return Column(column, "" if known else f"no text occurs {options.min_count} times", note=note)


def _convention_note(cells: pd.Series[str], convention: Convention, name: str) -> str:
    cell = grouped_by_points(cells, convention)
    if cell is None:
        return ""
    swapped = {"point": Convention("comma", "point"), "comma": Convention("point", "comma")}
    other = swapped[convention.decimal]
    now, then = convention.number(cell), other.number(cell)
    return f"{name} has {cell}, read as {now:.12g}; if it is {then:.12g}, set {other.knobs(convention)}"


def _refuse_other_convention(
    bare: pd.Series[str], cells: pd.Series[str], given: Convention, owner: str, name: str | None
) -> None:
    """Refuse a column that is one of numbers if only it is read in another convention.

    Args:
        bare: the cells without a unit.
        name: of a column that may be declared a category instead.
    """
    others = better(bare, given)
    if not others:
        return
    known = given.numbers(bare).notna()
    readable = bare.map(others[0].number).notna() & ~known
    row = int(readable.to_numpy().argmax())
    cell = bare.iloc[row]
    remedies = [f"{other.knobs(given)} if it is {other.number(cell):.15g}" for other in others]
    if name:
        remedies.append(f"{typed('data.categories', [name])} if it is a name")
    raise InputError(
        f"{owner[0].upper()}{owner[1:]} has {cells.iloc[row]!r} in row {row + 1} below the names, which "
        f"looks like a number in another convention: set {', or '.join(remedies)}."
    )


def _refuse_mixed_signs(cells: pd.Series[str], owner: str, name: str | None) -> None:
    found = mixed_units(cells, signs_alone=True)
    if found:
        names = f", or set {typed('data.categories', [name])}" if name else ""
        raise InputError(
            f"{owner[0].upper()}{owner[1:]} has {found[0]!r} and {found[1]!r}: write all of its numbers "
            f"with one sign or without{names}."
        )


def _refuse_first(wrong: pd.Series[bool], raw: pd.Series[str], owner: str, fault: str, remedy: str) -> None:
    """Refuse the first of the wrong cells; without a fault, they are empty."""
    rows: Sequence[int] = wrong.to_numpy().nonzero()[0].tolist()
    if not rows:
        return
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    place = f"in row {rows[0] + 1} below the names{more}"
    told = f"has {raw.iloc[rows[0]]!r} {place}, which {fault}" if fault else f"is missing {place}"
    raise InputError(f"{owner[0].upper()}{owner[1:]} {told}; {remedy}.")
