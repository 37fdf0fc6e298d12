"""Where a fair search looks for the value of a knob: declared beside the range that the knob allows.

    delta: float = knob(1.0, above=0, search=log(0.05, 20))

A range holds what a person who knows the loss would try on any data, at equal cost for all losses; it is no
promise that the best lies inside. A best value at its edge is told in the report.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from lossbench.errors import InputError

_DIGITS = 4  # that count; a run is made again by what a person can type


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both included: every factor equally likely, or every difference.

    Raises:
        InputError: it holds no numbers, or a logarithm has no value there.
    """

    scale: Literal["log", "linear"]
    low: float
    high: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.low) or not math.isfinite(self.high) or not self.low < self.high:
            raise InputError(f"search={self} must go from a finite number to a larger one.")
        if self.scale == "log" and self.low <= 0:
            raise InputError(f"search={self} must begin above 0; write linear({self.low:g}, {self.high:g}).")

    def __str__(self) -> str:
        return f"{self.scale}({self.low:g}, {self.high:g})"

    @property
    def words(self) -> str:
        """As a list of knobs shows it: `0.05 to 20 (log)`."""
        return f"{self.low:g} to {self.high:g}{' (log)' if self.scale == 'log' else ''}"

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that a knob must allow."""
        return self.low, self.high

    def at(self, place: float) -> float:
        """The value at a place in [0, 1), in few digits."""
        if self.scale == "log":
            value = math.exp(math.log(self.low) + place * math.log(self.high / self.low))
        else:
            value = self.low + place * (self.high - self.low)
        return min(self.high, max(self.low, float(f"{value:.{_DIGITS}g}")))


@dataclass(frozen=True)
class Among:
    """Some values of a knob that is no number, each equally likely.

    Raises:
        InputError: there are fewer than two.
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) < 2:
            raise InputError(f"search={self} must name at least two values.")

    def __str__(self) -> str:
        return f"among({', '.join(map(str, self.values))})"

    @property
    def words(self) -> str:
        """As a list of knobs shows it: `all, hard`."""
        return ", ".join(str(value).lower() for value in self.values)

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that a knob must allow."""
        return self.values

    def at(self, place: float) -> Any:
        """The value at a place in [0, 1)."""
        return self.values[int(place * len(self.values))]


Search = Range | Among


def log(low: float, high: float) -> Range:
    """A range in which every factor is equally likely: a decade gets as many trials as the next."""
    return Range("log", low, high)


def linear(low: float, high: float) -> Range:
    """A range in which every difference is equally likely."""
    return Range("linear", low, high)


def among(*values: Any) -> Among:
    """Each of some values equally likely."""
    return Among(values)
