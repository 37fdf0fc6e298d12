"""Columns that are no features although they hold numbers or texts: dates, and numbers of the rows."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FILES = 12  # that are joined to one, such as those of the months
_FEWEST = 32  # numbers of rows; hours, days of a month and months are fewer
_TIME = (
    r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[ap]\.?m\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}(?::\d{2})?))?"
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAYS = (
    r"\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?",
    r"(?:\d{1,2}[-/.])?\d{1,2}[-/.]\d{4}",
    r"\d{1,2}([-/.])\d{1,2}\1\d{2}",
    rf"(?:[a-z]{{3,9}}\.?,? )?\d{{1,2}}[ -]{_MONTH}[ ,-]+\d{{2,4}}",
    rf"(?:[a-z]{{3,9}}\.?,? )?{_MONTH} (?:\d{{1,2}},? )?\d{{4}}",
)
_DATE = re.compile(rf"(?:{'|'.join(f'(?:{day})' for day in _DAYS)})(?:[T ,]+{_TIME})?|{_TIME}", re.I)
_ID = re.compile(r"(?:^|[\W_])(?:id|idx|index|row|no|nr|number)$|[a-z](?:Id|ID|Index)$", re.I)


def are_dates(cells: pd.Series[str]) -> bool:
    """Whether most cells that are not empty are dates or times of day."""
    import pandas as pd

    there = cells[cells != ""]
    counts = there.value_counts()
    looking = counts[[bool(_DATE.fullmatch(str(cell))) for cell in counts.index]]
    if len(counts) == 0 or 2 * int(looking.sum()) < len(there):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is read month first, or day first
        parsed = pd.to_datetime(pd.Series(looking.index), errors="coerce", format="mixed", utc=True)
    return 2 * int(looking[parsed.notna().to_numpy()].sum()) >= len(there)


def are_days(values: pd.Series[float]) -> bool:
    """Whether all numbers are days written as 20201231, from 1900 to 2099."""
    import pandas as pd

    there = values.dropna()
    if len(there) == 0 or not there.between(19000101, 20991231).all() or (there % 1 != 0).any():
        return False
    days = pd.Series(there.unique()).astype("int64").astype(str)
    return bool(pd.to_datetime(days, errors="coerce", format="%Y%m%d").notna().all())


def are_row_numbers(values: pd.Series[float]) -> bool:
    """Whether whole numbers count the rows from first to last or back, without a gap; ranks may do worse."""
    steps = values.diff().iloc[1:]
    return bool((values % 1 == 0).all() and ((steps == 1).all() or (steps == -1).all()))


def may_count_rows(values: pd.Series[float]) -> bool:
    """Whether whole numbers may count the rows although they do so out of order.

    Shuffled ones differ, and fill their range or half of it, where rows were taken away: as many ages
    would meet in some. Those of joined files begin again: every number of the range occurs, and none more
    often than a smaller one.
    """
    there = values.dropna()
    if len(there) < _FEWEST or (there % 1 != 0).any():
        return False
    counts = there.value_counts().sort_index()
    span = there.max() - there.min() + 1
    shuffled = len(counts) >= 0.95 * len(there) and span <= 2 * len(there)
    none_between = len(counts) == span >= _FEWEST
    return bool(shuffled or (none_between and counts.max() <= _FILES and (counts.diff().iloc[1:] <= 0).all()))


def named_as_id(name: str, values: pd.Series[float]) -> bool:
    """Whether every row has a whole number of its own, under a name such as house_id."""
    return bool(_ID.search(name)) and bool((values % 1 == 0).all()) and values.is_unique
