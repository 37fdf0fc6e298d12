"""Numbers as people read them: with the digits that count in whatever units, as `3.4e-07` where zeros would
stand in for them, and never with a row of digits that nobody counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

_LARGE, _SMALL = 1e7, 1e-4  # as plain numbers below the one and from the other on
_MOST = 4  # places below the first digit of the largest number that are shown at most


def number(value: float, digits: int = 4) -> str:
    """`0.3441`, `344126`, `3.441e-07`: so many digits that count, and a whole part below 10 million."""
    if value and math.isfinite(value) and digits <= exponent(value, digits) < exponent(_LARGE):
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def alike(values: Sequence[float], size: float, *, sign: bool = False) -> list[str]:
    """Numbers that stand together, all to one last place: `0.344`, `0.021`; `3.44e-07`, `2.1e-08`.

    Args:
        values: which may be infinite.
        size: what still counts; its first digit is the last one shown, but of no more than five that the
            largest number has. Zero or not finite: four digits of the largest.
        sign: a plus before positive numbers.
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    plus = "+" if sign else ""
    if not largest:
        return [f"{value:{plus}.1f}" for value in values]
    last = exponent(size) if size > 0 and math.isfinite(size) else exponent(largest) - 3
    last = max(last, exponent(largest) - _MOST)
    if _SMALL <= largest < _LARGE:
        return [f"{value:{plus}.{max(0, -last)}f}" for value in values]
    return [_scientific(value, last, plus) for value in values]


def between(low: float, high: float) -> str:
    """`1699999993.5 to 1700000008.1`: with three digits of what lies between them, however far from zero."""
    if high <= low:
        return f"{low:.12g} to {high:.12g}"
    digits = 2 - exponent(high - low)
    return f"{round(low, digits):.15g} to {round(high, digits):.15g}"


def _scientific(value: float, last: int, plus: str) -> str:
    if not value:
        return "0"
    return f"{value:{plus}.{max(0, exponent(value) - last) if math.isfinite(value) else 0}e}"


def exponent(value: float, digits: int = 16) -> int:
    """The power of ten of the first digit, as it stands after rounding to so many: -1 of 0.5, 0 of 9.99."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])
