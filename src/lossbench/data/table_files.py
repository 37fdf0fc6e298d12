"""The cells of a table as texts, in whichever form its file is: CSV, TSV or Parquet, packed or not."""

from __future__ import annotations

import io
from collections.abc import Sized
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
    import pandas as pd

    content = csv_reading.content(place)
    try:
        frame = pd.read_parquet(io.BytesIO(content), dtype_backend="pyarrow")
    except ImportError as error:
        raise InputError(f"{place.name} needs pyarrow: pip install pyarrow, or save it as CSV.") from error
    except (ValueError, OSError) as error:
        why = str(error).splitlines()[0].rstrip(".") or type(error).__name__
        raise InputError(
            f"{place.name} is no Parquet file ({why:.100}): save it again, or as CSV."
        ) from error
    return _of_frame(frame)


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


def _of_frame(frame: pd.DataFrame) -> Cells:
    """Numbers become texts and are read like those of a CSV file, which gives the same numbers to the bit."""
    import pandas as pd

    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    series: list[pd.Series[str]] = []
    left_out: dict[str, str] = {}
    for place, name in enumerate(str(name).strip() for name in frame.columns):
        texts = _texts(frame.iloc[:, place])
        if not name:
            left_out[f"column {place + 1}"] = "no name"
        elif texts is None:
            left_out[name] = "neither numbers nor texts"
        else:
            series.append(texts.rename(name))
    rows = pd.concat(series, axis=1) if series else pd.DataFrame(index=range(len(frame)))
    return Cells(rows, left_out, ())


def _texts(column: pd.Series[Any]) -> pd.Series[str] | None:
    """A column as texts; what is missing is "". None where it holds lists and the like."""
    there = column.dropna()
    if len(there) and isinstance(there.iloc[0], Sized) and not isinstance(there.iloc[0], str):
        return None
    texts = column.astype("string[pyarrow]").fillna("").astype(str).reset_index(drop=True)
    return texts.mask(texts == "nan", "") if column.dtype.kind == "f" else texts.str.strip()
