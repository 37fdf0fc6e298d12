"""Rows that a table has not had, read as its own are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lossbench.data.column_reading import MISSING, as_numbers
from lossbench.data.columns import Columns
from lossbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5  # names of columns


def as_columns(rows: pd.DataFrame, table: Columns) -> pd.DataFrame:
    """A frame as `table.frame` is: float64 numbers with NaN, and texts without; other columns are left out.

    Raises:
        InputError: a column is missing, or a cell is no number where the table has numbers.
    """
    import pandas as pd

    missing = [name for name in table.frame.columns if name not in rows.columns]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise InputError(
            f"The rows lack {', '.join(missing[:_SHOWN])}{more}, which {table.file} has: add them."
        )
    return pd.DataFrame(
        {
            name: _texts(rows[name]) if name in table.categories else _numbers(rows[name], table)
            for name in table.frame.columns
        },
        index=rows.index,
    )


def _texts(cells: pd.Series[Any]) -> pd.Series[Any]:
    """As a file has them: 3.0 of a column that missing cells made one of floats is the text 3."""
    whole = cells.dtype.kind == "f" and bool((cells.dropna() % 1 == 0).all())
    texts = cells.astype("Int64" if whole else object).astype(object)
    return texts.where(cells.notna(), MISSING).map(str).astype(object)


def _numbers(cells: pd.Series[Any], table: Columns) -> pd.Series[float]:
    import pandas as pd

    if cells.dtype.kind in "fiub":
        return cells.astype("float64")
    texts = cells.where(cells.notna(), "").map(str)
    numbers = as_numbers(texts, table.options.convention).content
    wrong = numbers.isna() & (texts != "")
    if wrong.any():
        raise InputError(
            f"{texts[wrong].iloc[0]!r} in the column {cells.name} is no number, as {table.file} has there."
        )
    return pd.Series(numbers, index=cells.index, dtype="float64")
