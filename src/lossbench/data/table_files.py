"""The cells of a table as texts, in whichever form its file is: CSV, TSV or Parquet, packed or not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.data import csv_reading
from lossbench.data.csv_reading import SEPARATORS, Cells
from lossbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

AUTO = "auto"
_PARQUET = (".parquet", ".pq")
_TABS = (".tsv", ".tab")
_PACKED = (".gz", ".bz2", ".xz", ".zip")
_UNNAMED = "__index_level_"  # as pandas calls an index without a name


def sign_between(place: Path, separator: str) -> str:
    """The sign between the cells of a file: a tab in t.tsv and a comma elsewhere, where nothing is said."""
    if separator != AUTO:
        return SEPARATORS[separator]
    return "\t" if _suffix(place) in _TABS else ","


def read(place: Path, sign: str) -> Cells:
    """Read a file, which may be compressed (.gz, .bz2, .xz, .zip).

    Raises:
        InputError: it is no table.
    """
    if _suffix(place) not in _PARQUET:
        return csv_reading.read(place, sign)
    content = csv_reading.content(place)
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise InputError(f"{place.name} needs pyarrow: pip install pyarrow, or save it as CSV.") from error
    try:
        table = parquet.read_table(io.BytesIO(content))
    except (ValueError, OSError) as error:
        why = str(error).splitlines()[0].rstrip(".") or type(error).__name__
        raise InputError(
            f"{place.name} is no Parquet file ({why:.100}): save it again, or as CSV."
        ) from error
    return _of_arrow(table)


def below(cells: Cells, test: Cells, file: str, test_file: str) -> Cells:
    """The rows of a test file below those of a file with the same columns.

    Raises:
        InputError: one has a column that the other has not.
    """
    import pandas as pd

    own, other = list(cells.rows.columns), list(test.rows.columns)
    for one, of, there, without in ((own, other, file, test_file), (other, own, test_file, file)):
        if lacking := [name for name in one if name not in of]:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise InputError(
                f"{without} has no column {lacking[0]}{more}, which {there} has: data.test_path needs the "
                "same columns as data.path."
            )
    if len(set(own)) < len(own):  # told by its name where names are looked up
        return cells
    rows = pd.concat([cells.rows, test.rows[own]], ignore_index=True)
    return Cells(rows, cells.left_out, (*cells.notes, *test.notes))


def _suffix(place: Path) -> str:
    """Of t.csv.gz it is .csv."""
    suffixes = [suffix.lower() for suffix in place.suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _of_arrow(table: Any) -> Cells:
    """Numbers become texts and are read like those of a CSV file, which gives the same numbers to the bit."""
    import pandas as pd

    series: list[pd.Series[str]] = []
    left_out: dict[str, str] = {}
    for place, name in enumerate(map(str.strip, table.column_names)):
        if not name or name.startswith(_UNNAMED):
            left_out[f"column {place + 1}"] = "no name"
            continue
        texts = _texts(table.column(place))
        if texts is None:
            left_out[name] = "neither numbers nor texts"
        else:
            series.append(texts.rename(name))
    rows = pd.concat(series, axis=1) if series else pd.DataFrame(index=range(table.num_rows))
    return Cells(rows, left_out, ())


def _texts(column: Any) -> pd.Series[str] | None:
    """A column of Arrow; what is missing is "". None where it holds lists and the like."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_floating(column.type):
        column = compute.if_else(compute.is_nan(column), None, column)
    try:
        texts = column.cast(pa.string()).fill_null("")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return pd.Series(texts.to_pandas(), dtype=str).str.strip()
