"""The column of time of a user's file: dates in any usual form, or numbers."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.data import column_refusals as refusals
from lossbench.data.column_kinds import are_days
from lossbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

_SINCE_1970 = {"s": 1.0, "ms": 1e-3}
_AROUND_NOW = (3e8, 4e9)  # seconds since 1970, of the years 1979 to 2096
_OFFSET = re.compile(r"[T ]\d{1,2}:?\d{2}(?::?\d{2}(?:[.,]\d+)?)? ?[-+](?P<off>\d{2}(?::?\d{2})?)")
_UNITS = ((365.25 * 86400, "year"), (7 * 86400, "week"), (86400, "day"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, eq=False)
class Times:
    """When each row of a file was.

    stamps: float64 (N,), seconds since 1970 (UTC) where they are dates, else numbers as they stand.
    dates: whether they are dates.
    zone: a cell with the offset of a time zone other than UTC; "" where there is none.
    """

    stamps: npt.NDArray[np.float64]
    dates: bool
    zone: str = ""

    @property
    def since_1970(self) -> str:
        """The `time_format` that numbers look like, s or ms since 1970; "" of others."""
        low, high = _AROUND_NOW
        like = (
            unit
            for unit, size in _SINCE_1970.items()
            if not self.dates and ((self.stamps * size > low) & (self.stamps * size < high)).all()
        )
        return next(like, "")

    def shown(self, value: float) -> str:
        """A time as people write it: `2012-03-25 01:00`."""
        import pandas as pd

        if not self.dates:
            return f"{value:.12g}"
        text = str(pd.Timestamp(round(value * 1e3), unit="ms"))
        return text.removesuffix(" 00:00:00").removesuffix(":00")

    def span(self, length: float) -> str:
        """A length of time in words: `1 h`, `3 days`."""
        if not self.dates:
            return f"{length:.6g}"
        size, unit = next(((size, unit) for size, unit in _UNITS if length >= size), _UNITS[-1])
        count = f"{length / size:.3g}"
        return f"{count} {unit}{'s' if count != '1' and unit in ('year', 'week', 'day') else ''}"


def read_times(cells: pd.Series[str], time_format: str | None, owner: str) -> Times:
    """A column of times.

    Args:
        time_format: as strptime knows it, or `s` or `ms` since 1970; None: any usual one, or numbers.
        owner: of the column, for sentences: `the time when of power.csv`.

    Raises:
        InputError: a cell is empty or no time, or its day may be its month.
    """
    import pandas as pd

    refusals.first(cells == "", cells, owner, "", "each row needs a time")
    if time_format in _SINCE_1970:
        seconds = pd.to_numeric(cells, errors="coerce").astype("float64") * _SINCE_1970[time_format]
        refusals.first(~(seconds.abs() < 1e11), cells, owner, f"is no {time_format} since 1970", "correct it")
        return Times(_array(seconds), dates=True)
    if time_format is None:
        numbers = pd.to_numeric(cells, errors="coerce").astype("float64")
        if numbers.notna().all() and not are_days(numbers):
            refusals.first(numbers.abs() > 1e15, cells, owner, "is too large", "set data.time_format")
            return Times(_array(numbers), dates=False)
        found = _usual(cells, owner)
    else:
        found = _parsed(cells, format=time_format)
    asked = time_format or "no date that is known in all rows"
    remedy = "correct it, or say in data.time_format how times are written, as in %d.%m.%Y %H:%M"
    fault = f"is not of the form {asked}" if time_format else f"is {asked}"
    refusals.first(found.isna(), cells, owner, fault, remedy)
    nanoseconds = found.to_numpy(dtype="datetime64[ns]").astype("int64")
    return Times(nanoseconds / 1e9, dates=True, zone=next(filter(_with_offset, cells), ""))


def _with_offset(cell: str) -> bool:
    offset = _OFFSET.search(cell)
    return offset is not None and cell.endswith(offset["off"]) and offset["off"].strip("0:") != ""


def _array(column: pd.Series[float]) -> npt.NDArray[np.float64]:
    import numpy as np

    return np.array(column, dtype=np.float64)


def _usual(cells: pd.Series[str], owner: str) -> pd.Series[Any]:
    """Dates in ISO 8601, as 20201231, or as others write them: month first or day first, by what fits."""
    if cells.str.fullmatch(r"\d{8}").all():
        return _parsed(cells, format="%Y%m%d")
    iso = _parsed(cells, format="ISO8601")
    if iso.notna().all():
        return iso
    month, day = (_parsed(cells, dayfirst=first) for first in (False, True))
    if month.isna().any() or day.isna().any():
        return min((month, day), key=lambda found: int(found.isna().sum()))
    ordered = [found for found in (month, day) if found.is_monotonic_increasing]
    if month.equals(day) or len(ordered) == 1:
        return ordered[0] if ordered else month
    raise InputError(
        f"{owner[0].upper()}{owner[1:]} may have its day or its month first, as in {cells.iloc[0]!r}: "
        "say it in data.time_format, such as %d/%m/%Y or %m/%d/%Y, with %H:%M where there are hours."
    )


def _parsed(cells: pd.Series[str], **how: Any) -> pd.Series[Any]:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is read month first, or day first
        try:
            return pd.to_datetime(cells, errors="coerce", utc=True, **how).dt.tz_localize(None)
        except ValueError as error:  # of the format itself
            raise InputError(
                f"data.time_format={how.get('format')} is no form of times ({error}): write it as in "
                "%d.%m.%Y %H:%M."
            ) from error
