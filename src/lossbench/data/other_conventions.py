"""Whether another convention than the given one reads the cells of a column, or whether they mix two."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from lossbench.data.conventions import CONVENTIONS, DECIMALS, Convention, present

if TYPE_CHECKING:
    import pandas as pd

_FIRST = 100  # cells of a column, on which most are told apart


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


def convention_note(cells: pd.Series[str], convention: Convention, name: str, remedy: str = "") -> str:
    """What is said of numbers whose decimal sign may stand between thousands; "" of others.

    Args:
        remedy: what to do if it does; "": set the knobs.
    """
    cell = _grouped_by_points(cells, convention)
    if cell is None:
        return ""
    swapped = {"point": Convention("comma", "point"), "comma": Convention("point", "comma")}
    other = swapped[convention.decimal]
    now, then = convention.number(cell), other.number(cell)
    remedy = remedy or f"set {other.knobs(convention)}"
    return f"{name} has {cell}, read as {now:.12g}; if it is {then:.12g}, {remedy}"


def _grouped_by_points(cells: pd.Series[str], convention: Convention) -> str | None:
    """A cell such as 1.234 of a column in which the decimal sign may stand between thousands."""
    sign = re.escape(DECIMALS[convention.decimal])
    there = cells[present(cells)]
    if not _are_grouped(there.head(_FIRST), sign):  # as in nearly all columns
        return None
    with_sign = there[there.str.contains(sign)]
    few = len(with_sign) < 10 or len(there) - len(with_sign) < 3
    return None if few or not _are_grouped(there, sign) else str(with_sign.iloc[0])


def _are_grouped(cells: pd.Series[str], sign: str) -> bool:
    """Whether all cells are 1.234, or 123 and less."""
    return bool(cells.str.fullmatch(rf"[-+]?[1-9]\d{{0,2}}{sign}\d{{3}}|[-+]?\d{{1,3}}").all())
