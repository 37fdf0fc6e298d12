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

        plain: pd.Series[float] = pd.to_numeric(cells, errors="coerce").astype("float64")
        if self == Convention():
            return plain
        infinite = plain.where(plain.abs() == float("inf"))  # is refused by its name
        return cells.map(self.number).astype("float64").fillna(infinite)

    def knobs(self, given: Convention) -> str:
        """What to set where `given` is set."""
        wanted = [("decimal", self.decimal, given.decimal), ("thousands", self.thousands, given.thousands)]
        return " ".join(f"data.{name}={value}" for name, value, before in wanted if value != before)


CONVENTIONS = tuple(
    Convention(decimal, thousands) for decimal in DECIMALS for thousands in THOUSANDS if decimal != thousands
)


def in_ascii(cells: pd.Series[str]) -> pd.Series[str]:
    """Cells with the digits and the minus of other alphabets, and of typesetters, as those of ASCII."""
    return cells if all(map(str.isascii, cells)) else cells.map(_in_ascii)


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
    there = present(cells)
    parts = [_taken_apart(cell) for cell in cells[there]]
    units = {part[0] if part else "" for part in parts}
    if len(units) != 1 or units == {""}:
        return "", cells
    bare = dict(zip(cells[there], [part[1] for part in parts if part], strict=True))
    return units.pop(), cells.map(lambda cell: bare.get(cell, cell))


def mixed_units(cells: pd.Series[str], *, signs_alone: bool) -> tuple[str, str] | None:
    """A cell with a unit, and one without it or with another, where most are numbers with one.

    Args:
        signs_alone: a unit is a currency or percent sign.
    """
    there = cells[present(cells)].tolist()
    parts = [_taken_apart(cell) or ("", cell) for cell in there]
    units = [unit for unit, number in parts if unit and _is_number(number)]
    if signs_alone:
        units = [unit for unit in units if _is_sign(unit)]
    if not units or 2 * len(units) < len(there):
        return None
    common = Counter(units).most_common(1)[0][0]
    with_it = next(cell for cell, (unit, _) in zip(there, parts, strict=True) if unit == common)
    other = next((cell for cell, (unit, _) in zip(there, parts, strict=True) if unit != common), None)
    return None if other is None else (with_it, other)


def negatives_in_brackets(cells: pd.Series[str]) -> tuple[int | None, pd.Series[str]]:
    """The first row with a negative number as (1.23), and the cells with a minus instead.

    None where there is none, or no number without brackets: all of (1), (2) are rather names.
    """
    there = cells[present(cells)]
    if not there.str.contains("(", regex=False).any():
        return None, cells
    distinct = set(there)
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

    def is_one(cell: str) -> bool:
        unit = _unit_of_number(cell.strip(_AROUND))
        return unit is not None and (units or not unit or _is_sign(unit))

    ones = {cell for cell in set(there) if is_one(cell)}
    of_them = there[there.isin(ones)]
    return None if len(of_them) == 0 or 2 * len(of_them) < len(there) else str(of_them.iloc[0])


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


def better(cells: pd.Series[str], given: Convention) -> list[Convention]:
    """The conventions in which most cells, and more than in the given one, are numbers; nearest to it alone.

    Several where they read the same cells as different numbers: 1,234.
    """
    there = cells[present(cells)]
    least = max(len(there) / 2, int(given.numbers(there).notna().sum()) + 1)
    distinct = Counter(there.tolist())
    counts = {
        other: sum(count for cell, count in distinct.items() if other.number(cell) == other.number(cell))
        for other in CONVENTIONS
        if other != given
    }
    most = max(counts.values())
    if most < least:
        return []
    best = [other for other, count in counts.items() if count == most]
    fewest = min(other.knobs(given).count("=") for other in best)
    nearest = [other for other in best if other.knobs(given).count("=") == fewest]
    apart = {str(list(map(other.number, distinct))): other for other in reversed(nearest)}
    return list(apart.values())[::-1]


def mixed(cells: pd.Series[str], given: Convention) -> tuple[Convention, Convention] | None:
    """Two conventions in which together most cells are numbers, where no one of them reads all of these."""
    there = cells[present(cells)]
    distinct = Counter(there.tolist())
    read = {one: {cell for cell in distinct if one.number(cell) == one.number(cell)} for one in CONVENTIONS}

    def count(among: set[str]) -> int:
        return sum(distinct[cell] for cell in among)

    first = max(CONVENTIONS, key=lambda one: (count(read[one]), one == given))
    second = max(CONVENTIONS, key=lambda one: (count(read[one] - read[first]), -one.knobs(first).count("=")))
    if not read[second] - read[first] or 2 * count(read[first] | read[second]) < len(there):
        return None
    return first, second


def grouped_by_points(cells: pd.Series[str], convention: Convention) -> str | None:
    """A cell such as 1.234 of a column in which the decimal sign may stand between thousands."""
    sign = re.escape(DECIMALS[convention.decimal])
    there = cells[present(cells)]
    with_sign = there[there.str.contains(sign)]
    without = there[~there.str.contains(sign)]
    if len(with_sign) < 10 or len(without) < 3:
        return None
    grouped = with_sign.str.fullmatch(rf"[-+]?[1-9]\d{{0,2}}{sign}\d{{3}}").all()
    small = without.str.fullmatch(r"[-+]?\d{1,3}").all()
    return str(with_sign.iloc[0]) if grouped and small else None
