"""The cells of a CSV file as texts, each line with as many as the first."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lossbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_SHOWN = 4  # names in a sentence
_OPENED_BY = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(frozen=True, eq=False)
class Cells:
    """A file as texts without spaces around them; an empty cell is "".

    rows: a column of text for each name of the first line.
    left_out: columns without a name, each with why.
    notes: what looks wrong and need not be.
    """

    rows: pd.DataFrame
    left_out: dict[str, str]
    notes: tuple[str, ...]


def read(place: Path, separator: str) -> Cells:
    """Read a file, which may be compressed (.gz, .bz2, .xz, .zip).

    Raises:
        InputError: it is no table in UTF-8, or its first line holds no names.
    """
    import pandas as pd

    data = content(place)
    try:
        rows, whole = _plain(data, separator) or _lines(data, separator, place)
    except UnicodeDecodeError as error:
        raise InputError(f"{place.name} is not in UTF-8 ({error.reason}): save it as CSV UTF-8.") from error
    if rows is None:
        raise InputError(f"{place.name} is empty: it needs a line of column names and rows below.")
    first = [str(name).strip() for name in rows.iloc[0]]
    rows = rows.iloc[1:].reset_index(drop=True)
    places = [position for position, name in enumerate(first) if name]
    last = f"{place.name} ends in mid-line, and its last cell is {rows.iloc[-1, -1]!r}" if not whole else ""
    notes = [*filter(None, [last]), *_checked_names([first[position] for position in places], place)]
    series = [rows[at].str.strip().rename(first[at]) for at in places]
    named = pd.concat(series, axis=1) if series else pd.DataFrame(index=rows.index)
    left_out = {f"column {at + 1}": "no name" for at, name in enumerate(first) if not name}
    return Cells(named, left_out, tuple(notes))


def separated_by(first_line: str, separator: str) -> str:
    """What to set where another separator parts a first line into more names; "" where none does."""
    names = {known: _names_in(first_line, sign) for known, sign in SEPARATORS.items()}
    best = max(names, key=lambda known: names[known])
    return f"data.separator={best}" if names[best] > _names_in(first_line, separator) else ""


def _names_in(first_line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([first_line], delimiter=separator, skipinitialspace=True), []))
    except csv.Error:  # a cell beyond the limit of what is read
        return 0


def _plain(content: bytes, separator: str) -> tuple[pd.DataFrame, bool] | None:
    """As `_lines`, by pandas' own parser, which is three times as fast; None of a file that it may read in
    another way: with quotes, with lines of different length, or one that is no table at all."""
    import pandas as pd

    if b'"' in content or b"\0" in content or content.count(b"\r") != content.count(b"\r\n"):
        return None
    try:
        rows = pd.read_csv(
            io.BytesIO(content),
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            quoting=csv.QUOTE_NONE,
            encoding="utf-8-sig",
        )
    except (ValueError, OSError):  # errors of its parser and of text that is not in UTF-8 are ValueErrors
        return None
    full = content.count(separator.encode()) == len(rows) * (rows.shape[1] - 1)  # no line has fewer cells
    return (rows, content.endswith(b"\n") or len(rows) < 2) if full else None


def _lines(content: bytes, separator: str, place: Path) -> tuple[pd.DataFrame | None, bool]:
    """The cells of all lines that are not blank, and whether the last one has an end.

    Returns:
        None instead of cells where there are no lines.

    Raises:
        InputError: a line has more or fewer cells than the first.
        UnicodeDecodeError: it is not in UTF-8.
    """
    import pandas as pd

    names, last = "", ""

    def seen() -> Iterator[str]:
        nonlocal names, last
        with io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="") as file:
            for line in file:
                names, last = names or line.strip("\r\n"), line
                yield line

    def no_table(why: str) -> InputError:
        return _no_table(place, why, separated_by(names, separator))

    reader = csv.reader(seen(), delimiter=separator, skipinitialspace=True, strict=True)
    lines: list[list[str]] = []
    short: tuple[int, int] | None = None
    try:
        for cells in reader:
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue  # a blank line
            if lines and len(cells) != len(lines[0]):
                short = (reader.line_num, len(cells))
                break
            lines.append(cells)
    except csv.Error as error:
        raise no_table(f"line {reader.line_num}: {error}") from error
    whole = last.endswith(("\n", "\r"))
    if short:
        line, count = short
        at_end = ", is the last and ends in mid-line, so the file may be cut off" if not whole else ""
        raise no_table(f"line {line} has {count} cells, the first line {len(lines[0])}{at_end}")
    if not lines:
        return None, whole
    columns = {at: pd.Series(column, dtype=str) for at, column in enumerate(zip(*lines, strict=True))}
    return pd.DataFrame(columns), whole or len(lines) < 2


def _no_table(place: Path, why: str, remedy: str) -> InputError:
    told = f"its first line asks for {remedy}" if remedy else "see data.separator"
    return InputError(
        f"{place.name} is no table ({why}): each line needs as many cells as the first; {told}."
    )


def content(place: Path) -> bytes:
    """What a file holds, unpacked (.gz, .bz2, .xz, .zip).

    Raises:
        InputError: it cannot be read.
    """
    try:
        return _unpacked(place)
    except EOFError as error:
        raise InputError(f"{place.name} is cut off: its archive has no end; fetch it again.") from error
    except (OSError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise InputError(f"{place.name} cannot be read ({error}): unpack it, or save it again.") from error


def _unpacked(place: Path) -> bytes:
    if place.suffix == ".zip":
        with zipfile.ZipFile(place) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise InputError(f"{place.name} holds {len(names)} files: it must be one; unpack it.")
            return archive.read(names[0])
    opened = _OPENED_BY.get(place.suffix, open)
    with opened(place, "rb") as file:  # type: ignore[operator]
        return cast("bytes", file.read())


def _checked_names(names: Sequence[str], place: Path) -> list[str]:
    """Refuse a first line that holds values, and say where it may do so.

    Numbers in order may be names: years, or wavelengths. Those in disorder are values, unless they are whole
    and differ, as codes do.
    """
    numbers = [value for value in map(_number, names) if value is not None]
    if 2 * len(numbers) < max(len(names), 2):
        return []
    told = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    codes = len(set(numbers)) == len(numbers) and all(value % 1 == 0 <= value for value in numbers)
    steps = [after - before for before, after in pairwise(numbers)]
    if not (codes or all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        raise InputError(
            f"{place.name} begins with {told}, which are values and no names: put a line of names above them."
        )
    even = len(steps) > 1 and max(steps) - min(steps) <= 1e-6 * max(map(abs, steps))
    if even:
        return []
    return [
        f"{place.name} begins with {told}, taken for the names of its columns; if they are values, put a "
        "line of names above them"
    ]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
