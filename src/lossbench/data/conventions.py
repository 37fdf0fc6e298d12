"""Cells as numbers: which signs stand for the decimal point and between thousands, and signs of a unit."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = {"point": ".", "comma": ","}
THOUSANDS = {
    "none": "",
    "comma": ",",
    "point": ".",
    "space": " \u00a0\u202f\u2009",  # also those that do not break, as spreadsheets write them
    "apostrophe": "'\u2019",
}
# What stands for a missing number, as pandas reads it; in a column of texts these are texts.
MISSING_NUMBERS = frozenset(
    {"", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null"}
    | {"None", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
)
_CURRENCIES = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD INR JPY KRW MXN NOK NZD PLN RUB SEK SGD TRY USD ZAR"
_SIGNED = re.compile(
    r"(?P<sign>[-+]?)\s*(?P<before>[^\d\s.,'+()-]*)\s*(?P<number>[-+]?[.,]?\d(?:.*\d)?[.,]?)\s*(?P<after>[^\d]*)"
)
_UNIT_LENGTH = 12
# A negative number in accounting: (1.23), $(1.23), (1.23 EUR).
_IN_BRACKETS = re.compile(r"([^\d\s()+-]*)\s*\(([^()+-]*\d[^()+-]*)\)\s*([^\d()]*)")
_AROUND = "<>=~\u2248\u2264\u2265\u00b1()[]*+-!? "  # signs around a number, as of bounds and of footnotes


@dataclass(frozen=True)
class Convention:
    """How numbers are written; the names are those of the knobs `data.decimal` and `data.thousands`."""

    decimal: str = "point"
    thousands: str = "none"

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        point, between = re.escape(DECIMALS[self.decimal]), THOUSANDS[self.thousands]
        # Also two by two, as in India: 1,23,456.
        grouped = rf"|\d{{1,3}}(?:[{between}]\d{{2,3}})*[{between}]\d{{3}}" if between else ""
        whole = rf"(?:\d+{grouped})"
        return re.compile(rf"[-+]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][-+]?\d+)?", re.ASCII)

    def number(self, cell: str) -> float:
        """nan where the cell is no number."""
        if not self._pattern.fullmatch(cell):
            return float("nan")
        for sign in THOUSANDS[self.thousands]:
            cell = cell.replace(sign, "")
        return float(cell.replace(DECIMALS[self.decimal], "."))

    def whole(self, cell: str) -> int | None:
        """A whole number with all of its digits, of which a float keeps 15."""
        for sign in THOUSANDS[self.thousands]:
            cell = cell.replace(sign, "")
        return int(cell) if re.fullmatch(r"[-+]?\d{1,99}", cell, re.ASCII) else None

    def numbers(self, cells: pd.Series[str]) -> pd.Series[float]:
        """float64, NaN where there is no number."""
        import pandas as pd

        plain = _all_numbers(cells)
        if plain is None:
            plain = pd.to_numeric(cells, errors="coerce").astype("float64")
        if self == Convention():
            return plain
        infinite = plain.where(plain.abs() == float("inf"))  # is refused by its name
        return cells.map(self.number).astype("float64").fillna(infinite)

    def knobs(self, given: Convention) -> str:
        """What to set where `given` is set."""
        wanted = [("decimal", self.decimal, given.decimal), ("thousands", self.thousands, given.thousands)]
        return " ".join(f"data.{name}={value}" for name, value, before in wanted if value != before)


def _all_numbers(cells: pd.Series[str]) -> pd.Series[float] | None:
    """The same numbers as pandas makes of cells, by Arrow in a fifth of the time, where it can."""
    import numpy as np
    import pandas as pd

    try:
        values = cells.astype("double[pyarrow]").to_numpy(dtype="float64")
    except (ImportError, ValueError, TypeError):  # ValueError: not all are numbers
        return None
    if (np.signbit(values) & (values == 0)).any():  # of whole numbers pandas makes 0 of -0
        return None
    return pd.Series(values, index=cells.index, name=cells.name)


CONVENTIONS = tuple(
    Convention(decimal, thousands) for decimal in DECIMALS for thousands in THOUSANDS if decimal != thousands
)


def in_ascii(cells: pd.Series[str]) -> pd.Series[str]:
    """Cells with the digits and the minus of other alphabets, and of typesetters, as those of ASCII."""
    return cells if all(map(str.isascii, cells.unique())) else cells.map(_in_ascii)


def _in_ascii(cell: str) -> str:
    if cell.isascii():
        return cell
    digits = (unicodedata.decimal(sign, None) for sign in cell)
    plain = "".join(sign if digit is None else str(digit) for sign, digit in zip(cell, digits, strict=True))
    return plain.translate({0x2212: "-"})


def present(cells: pd.Series[str]) -> pd.Series[bool]:
    """Where a column of numbers has a cell that is not missing."""
    return ~cells.isin(MISSING_NUMBERS)


def without_unit(cells: pd.Series[str]) -> tuple[str, pd.Series[str]]:
    """The sign or unit that every present cell carries, and the cells without it; "" where there is none.

    A currency or a percent sign may stand in front or behind, any other unit behind.
    """
    bare: dict[str, str] = {}
    units: set[str] = set()
    for cell in cells[present(cells)].unique():
        unit, bare[cell] = _taken_apart(cell) or ("", cell)
        units.add(unit)
        if len(units) > 1 or not unit:
            return "", cells
    return (units.pop(), cells.map(lambda cell: bare.get(cell, cell))) if units else ("", cells)


def mixed_units(cells: pd.Series[str], *, signs_alone: bool) -> tuple[str, str] | None:
    """A cell with a unit, and one without it or with another, where most are numbers with one.

    Args:
        signs_alone: a unit is a currency or percent sign.
    """
    there = cells[present(cells)]
    counts = there.value_counts(sort=False)  # in the order in which they first occur
    parts = {cell: _taken_apart(cell) or ("", cell) for cell in counts.index}
    units: Counter[str] = Counter()
    for (unit, number), count in zip(parts.values(), counts, strict=True):
        if unit and _is_number(number) and (not signs_alone or _is_sign(unit)):
            units[unit] += count
    if not units or 2 * units.total() < len(there):
        return None
    common = units.most_common(1)[0][0]
    with_it = next(cell for cell, (unit, _) in parts.items() if unit == common)
    other = next((cell for cell, (unit, _) in parts.items() if unit != common), None)
    return None if other is None else (with_it, other)


def negatives_in_brackets(cells: pd.Series[str]) -> tuple[int | None, pd.Series[str]]:
    """The first row with a negative number as (1.23), and the cells with a minus instead.

    None where there is none, or no number without brackets: all of (1), (2) are rather names.
    """
    there = cells[present(cells)]
    if not there.str.contains("(", regex=False).any():
        return None, cells
    distinct = set(there.unique())
    found = {cell: _IN_BRACKETS.fullmatch(cell) for cell in distinct}
    minus = {cell: f"-{match[1]}{match[2]}{match[3]}" for cell, match in found.items() if match}
    minus = {cell: signed for cell, signed in minus.items() if _unit_of_number(signed) is not None}
    if not minus or not any(_unit_of_number(cell) is not None for cell in distinct):
        return None, cells
    return int(cells.isin(minus).to_numpy().argmax()), cells.map(lambda cell: minus.get(cell, cell))


def number_in_some_form(cells: pd.Series[str], *, units: bool) -> str | None:
    """A cell such as <5 of a column most of which are numbers with signs around them; None of another one.

    Args:
        units: also numbers with a unit that is a word.
    """
    there = cells[present(cells)]
    of_them = there[in_some_form(there, units=units)]
    return None if len(of_them) == 0 or 2 * len(of_them) < len(there) else str(of_them.iloc[0])


def in_some_form(cells: pd.Series[str], *, units: bool) -> pd.Series[bool]:
    """Which cells are numbers with signs around them, or with a unit; `units`: also one that is a word."""

    def is_one(cell: str) -> bool:
        unit = _unit_of_number(cell.strip(_AROUND))
        return unit is not None and (units or not unit or _is_sign(unit))

    return cells.isin({cell for cell in cells.unique() if is_one(cell)})


def _unit_of_number(cell: str) -> str | None:
    """The unit of a cell, "" where there is none; None where the rest is no number in any convention."""
    parts = _taken_apart(cell)
    return parts[0] if parts and _is_number(parts[1]) else None


def _is_number(cell: str) -> bool:
    return any(convention.number(cell) == convention.number(cell) for convention in CONVENTIONS)


def _taken_apart(cell: str) -> tuple[str, str] | None:
    """The unit of a cell, "" where there is none, and its number."""
    found = _SIGNED.fullmatch(cell)
    if not found:
        return None
    before, after = found["before"], found["after"].strip()
    if before and (after or not _is_sign(before)):
        return None
    if len(after) > _UNIT_LENGTH or after.startswith(tuple("-/:;+)")):
        return None
    return before or after, found["sign"] + found["number"]


def _is_sign(unit: str) -> bool:
    currency = any(unicodedata.category(sign) == "Sc" for sign in unit)  # also A$
    return currency or unit in (*_CURRENCIES.split(), "%", "\u2030")
