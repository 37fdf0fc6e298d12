"""What becomes of one column: numbers, categories, or nothing; and what is wrong in it, with the remedy."""

from __future__ import annotations

from dataclasses import MISSING as MISSING_DEFAULT
from dataclasses import Field, astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from lossbench.config.quoting import typed
from lossbench.data import column_kinds
from lossbench.data import column_refusals as refusals
from lossbench.data.conventions import (
    Convention,
    in_ascii,
    mixed_units,
    negatives_in_brackets,
    number_in_some_form,
    present,
    without_unit,
)
from lossbench.data.other_conventions import convention_note

if TYPE_CHECKING:
    import pandas as pd

MISSING = "(missing)"
LARGEST = 1e30  # far from the end of float32


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; the fields are the knobs of `data=table`."""

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
    task: str = "by_type"
    time: str | None = None
    time_format: str | None = None

    @property
    def known_by(self) -> str:
        """What tells data that was read in one way from the same file, read in another.

        The fields after `fewest` came later: as they were before, they change nothing in what is known.
        """
        first = tuple(
            value for field, value in zip(fields(self), astuple(self), strict=True) if not _later(field)
        )
        later = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if _later(field) and getattr(self, field.name) != field.default
        }
        return f"{first!r}{later or ''}"


def _later(field: Field[Any]) -> bool:
    return field.default is not MISSING_DEFAULT


@dataclass(frozen=True, eq=False)
class Column:
    """A column, understood.

    content: float64 with NaN, or texts without; of a column that is left out, whatever it is.
    why: why it is left out; "" where it is not.
    unit: the sign or unit that was taken off every cell.
    notes: what may be wrong in it.
    """

    content: pd.Series[Any]
    why: str = ""
    unit: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Numbers:
    """Cells as numbers.

    unit: what every cell carries; "" where there is none.
    bare: the cells without it.
    content: float64, NaN where there is no number.
    negative: a cell such as (1.23), and the number that it is read as.
    """

    unit: str
    bare: pd.Series[str]
    content: pd.Series[float]
    negative: tuple[str, float] | None


def read_column(cells: pd.Series[str], options: Reading, file: str) -> Column:
    """A feature.

    Raises:
        InputError: most of its cells are numbers, in this convention or another, and some are not.
    """
    name = str(cells.name)
    if name in options.categories:
        return _texts(cells, options)
    owner = f"the column {name} of {file}"
    numbers = as_numbers(cells, options.convention)
    bare, values = numbers.bare, numbers.content
    there = int(present(cells).sum())
    if name not in options.numbers and 2 * int(values.notna().sum()) < there:
        if column_kinds.are_dates(cells):
            return Column(cells, "dates")
        refusals.other_convention(bare, cells, options.convention, owner, name)
        refusals.mixed_signs(cells, owner, name)
        return _texts(cells, options)
    wrong = present(bare) & values.isna()
    if wrong.any():
        refusals.other_convention(bare, cells, options.convention, owner, name)
    remedy = f"correct it, leave it empty, or set {typed('data.categories', [name])}"
    most = "most" if 2 * int(wrong.sum()) < there else "half"
    refusals.first(wrong, cells, owner, f"is no number, unlike {most} of the column", remedy)
    refusals.first(values.abs() > LARGEST, cells, owner, "is not finite or too large", "correct it")
    return _number_column(numbers, options, name)


def known_categories(column: pd.Series[Any], options: Reading) -> tuple[str, ...]:
    """The most frequent categories of the whole file; of equally frequent ones, the first by alphabet."""
    counts = column.value_counts()
    frequent = [(-int(count), str(name)) for name, count in counts.items() if count >= options.min_count]
    return tuple(name for _, name in sorted(frequent)[: options.max_categories])


def as_numbers(cells: pd.Series[str], convention: Convention) -> Numbers:
    values = convention.numbers(cells)
    there = present(cells)
    negative = None
    if (values.isna() & there).any():
        row, plain = negatives_in_brackets(in_ascii(cells))
        if plain is not cells:
            values = convention.numbers(plain)
        if row is not None:
            negative = (str(cells.iloc[row]), row)
        cells = plain
    unit, bare = "", cells
    if 2 * int(values.notna().sum()) < int(there.sum()):
        unit, bare = without_unit(cells)
        values = convention.numbers(bare) if unit else values
    return Numbers(unit, bare, values, negative and (negative[0], float(values.iloc[negative[1]])))


def _number_column(numbers: Numbers, options: Reading, name: str) -> Column:
    values = numbers.content
    if values.notna().sum() == 0:
        return Column(values, "empty")
    if values.min() == values.max():
        return Column(values, "one value only")
    notes = number_notes(numbers, options.convention, name, f", or set {typed('data.categories', [name])}")
    if name in options.numbers:
        return Column(values, unit=numbers.unit, notes=notes)
    keep = f"unless {typed('data.numbers', [name])}"
    if column_kinds.are_days(values):
        return Column(values, f"dates, {keep}")
    counting, drop = _told_apart(numbers, options.convention), typed("data.drop", [name])
    if column_kinds.are_row_numbers(counting):
        return Column(values, f"numbers of the rows, {keep}")
    if column_kinds.may_count_rows(counting):
        may = f"{name} may count the rows, in another order or from the start again"
        stays = f"{typed('data.numbers', [name])} says that it is a number"
        notes = (f"{may}: {drop} leaves it out, {stays}", *notes)
    elif column_kinds.named_as_id(name, counting):
        notes = (f"{name} is another number in each row and named like an id; {drop} leaves it out", *notes)
    return Column(values, unit=numbers.unit, notes=notes)


def _told_apart(numbers: Numbers, convention: Convention) -> pd.Series[float]:
    """The numbers; whole ones with more digits than a float keeps, each minus the smallest."""
    import pandas as pd

    values = numbers.content
    if values.abs().max() < 2**53:
        return values
    whole = [convention.whole(cell) for cell in numbers.bare]
    there = [number for number in whole if number is not None]
    if len(there) < int(values.notna().sum()):
        return values
    least = min(there)
    return pd.Series([float("nan") if number is None else float(number - least) for number in whole])


def _texts(cells: pd.Series[str], options: Reading) -> Column:
    column = cells.mask(cells == "", MISSING).astype(object)
    if (column == column.iloc[0]).all():
        return Column(column, "empty" if column.iloc[0] == MISSING else "one value only")
    known = known_categories(column, options)
    notes: tuple[str, ...] = ()
    if str(cells.name) not in options.categories:
        notes = _numbers_among_texts(cells, many=not known or column.nunique() > options.max_categories)
    return Column(column, "" if known else f"no text occurs {options.min_count} times", notes=notes)


def _numbers_among_texts(cells: pd.Series[str], *, many: bool) -> tuple[str, ...]:
    """Said of texts that look like numbers; if they are few, units that are words make names: 1st, 2nd."""
    name = str(cells.name)
    units = mixed_units(cells, signs_alone=False) if many else None
    if units:
        return (f"{name} has {units[0]} and {units[1]}: they are numbers in one unit alone",)
    cell = number_in_some_form(cells, units=many)
    if cell is None:
        return ()
    names = typed("data.categories", [name])
    return (
        f"most of {name} looks like numbers, such as {cell}, and is read as texts: write plain numbers, or "
        f"set {names} if they are names",
    )


def number_notes(numbers: Numbers, convention: Convention, name: str, names: str) -> tuple[str, ...]:
    """Of numbers that may be others; `names` is what to set if they are none."""
    notes = [convention_note(numbers.bare, convention, name)]
    if numbers.negative:
        cell, number = numbers.negative
        notes.append(f"{name} has {cell}, read as {number:.12g}; if it is none, correct it{names}")
    return tuple(note for note in notes if note)
