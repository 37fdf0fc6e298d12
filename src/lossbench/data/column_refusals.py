"""What is wrong in a column of numbers, in one sentence with the cell, its row and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbench.config.quoting import typed
from lossbench.counting import counted
from lossbench.data.conventions import Convention, in_ascii, in_some_form, mixed_units, present, without_unit
from lossbench.data.other_conventions import better, mixed
from lossbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_MANY = 21  # different cells: fewer may be classes


def other_convention(
    bare: pd.Series[str], cells: pd.Series[str], given: Convention, owner: str, name: str | None
) -> None:
    """Refuse a column of numbers that another convention reads, or that mixes two.

    Args:
        bare: the cells without a unit.
        name: of a column that may be declared a category instead.
    """
    there = bare[present(bare)]
    if 2 * int(there.str.contains(r"\d").sum()) < len(there):
        return
    two = mixed(bare, given)
    if two:
        raise _mixed(bare, cells, two, owner)
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


def _mixed(
    bare: pd.Series[str], cells: pd.Series[str], two: tuple[Convention, Convention], owner: str
) -> InputError:
    said: list[str] = []
    for one, other in (two, two[::-1]):
        alone = (bare.map(one.number).notna() & bare.map(other.number).isna()).to_numpy()
        row = int(alone.argmax())
        place = f"row {row + 1}" if said else f"row {row + 1} below the names"
        count = counted(int(alone.sum()), "cell")
        said.append(f"only {one.knobs(other)} reads {cells.iloc[row]!r} in {place} ({count})")
    return InputError(
        f"{owner[0].upper()}{owner[1:]} mixes two conventions: {', '.join(said)}; write all of its "
        "numbers in one of them."
    )


def mixed_signs(cells: pd.Series[str], owner: str, name: str | None) -> None:
    found = mixed_units(cells, signs_alone=True)
    if found:
        names = f", or set {typed('data.categories', [name])}" if name else ""
        raise InputError(
            f"{owner[0].upper()}{owner[1:]} has {found[0]!r} and {found[1]!r}: write all of its numbers "
            f"with one sign or without{names}."
        )


def rather_numbers(cells: pd.Series[str], given: Convention | None, owner: str) -> None:
    """Refuse labels that are too many to be classes where nearly all are numbers in some form.

    Args:
        given: how numbers are written; None: plain ones alone can be read.
    """
    there, odd = present(cells), ~in_some_form(cells, units=False)
    if cells.nunique() < _MANY or 10 * int((there & odd).sum()) > int(there.sum()):
        return
    other = "correct it or remove such rows, or choose another target"
    first(odd | ~there, cells, owner, "is no number, unlike nearly all others", other)
    if given is None:
        bad = Convention().numbers(cells).isna()
        first(bad, cells, owner, "is no plain number as 3.14 is", "write all of its numbers so")
        return
    unit, bare = without_unit(in_ascii(cells))
    wrong = given.numbers(bare).isna()
    if wrong.any():
        other_convention(bare, cells, given, owner, None)
        mixed_signs(cells, owner, None)
    first(wrong, cells, owner, "is no plain number, unlike nearly all others", other)
    if unit:
        raise InputError(
            f"{owner[0].upper()}{owner[1:]} has numbers with {unit}, such as {cells.iloc[0]!r}, too many to "
            "be classes: set data.task=number."
        )


def first(wrong: pd.Series[bool], raw: pd.Series[str], owner: str, fault: str, remedy: str) -> None:
    """Refuse the first of the wrong cells; without a fault, they are empty."""
    rows: Sequence[int] = wrong.to_numpy().nonzero()[0].tolist()
    if not rows:
        return
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    place = f"in row {rows[0] + 1} below the names{more}"
    told = f"has {raw.iloc[rows[0]]!r} {place}, which {fault}" if fault else f"is missing {place}"
    raise InputError(f"{owner[0].upper()}{owner[1:]} {told}; {remedy}.")
