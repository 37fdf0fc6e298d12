"""From the file of a table to columns of numbers and categories, with a clear sentence for what is wrong."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data import csv_reading, table_files
from lossbench.data.column_names import with_names_of
from lossbench.data.column_reading import Column, Reading, known_categories, read_column
from lossbench.data.parts import early_note, shared_note
from lossbench.data.table_rows import groups_of, repeated
from lossbench.data.table_target import TableTarget, read_target
from lossbench.data.timestamps import Times, read_times
from lossbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from lossbench.data.labels import Labels
    from lossbench.data.splits import Ids

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Columns:
    """A file, understood. `frame` holds float64 columns with NaN, and text columns without."""

    file: str
    fingerprint: str  # sha256 of the file and of how it was read
    predicted: TableTarget
    frame: pd.DataFrame
    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]  # the known ones of each column
    left_out: dict[str, str]  # column: why
    groups: npt.NDArray[np.int64] | None  # the number of each row's group
    options: Reading  # with names as the file has them
    units: dict[str, str]  # column: the sign or unit that was taken off its cells
    notes: tuple[str, ...]  # what may be wrong
    times: Times | None = None
    test: Ids | None = None  # the rows of a file that is the test

    @property
    def target(self) -> npt.NDArray[np.float64 | np.int64]:
        """(N,) numbers, or codes of classes."""
        return self.predicted.content

    @property
    def labels(self) -> Labels | None:
        return self.predicted.labels


def understood(path: str, options: Reading, test_path: str | None = None) -> Columns:
    """The columns of a file; read once while it does not change.

    Args:
        test_path: another one with the same columns, whose rows are the test.

    Raises:
        InputError: a file is missing or no table, or a column cannot be used.
    """
    own = _found("path", path)
    test = (None, 0, 0) if test_path is None else _found("test_path", test_path)
    return _understood(*own, *test, options)


def _found(knob: str, path: str) -> tuple[Path, int, int]:
    """Where a file is, and what changes with it."""
    place = Path(path).expanduser()
    try:
        state = place.stat()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise InputError(f"data.{knob}={path} {reason}, seen from {Path.cwd()}: name a CSV file.") from error
    if not place.is_file():
        raise InputError(f"data.{knob}={path} is no file: name a CSV file.")
    return place, state.st_mtime_ns, state.st_size


@lru_cache(maxsize=4)
def _understood(
    place: Path, _time: int, _size: int, test: Path | None, _test_time: int, _test_size: int, options: Reading
) -> Columns:
    digest = hashlib.sha256(place.read_bytes())
    digest.update(options.known_by.encode())
    cells = table_files.read(place, options.separator)
    own, file, told = len(cells.rows), place.name, place.name
    if test is not None:
        digest.update(test.read_bytes())
        below = table_files.read(test, options.separator)
        cells = table_files.below(cells, below, place.name, test.name)
        file = f"{place.name} and {test.name}"
        told = f"{place.name} ({counted(own, 'row')}) with {test.name} below it"
    options = with_names_of(list(cells.rows.columns), options, place)
    if own < options.fewest:
        raise InputError(
            f"{place.name} has {counted(own, 'row')}, too few to compare losses on: "
            f"at least {options.fewest} are needed."
        )
    table = _of_cells(cells, options, told, own if test is not None else None)
    del cells
    _give_back()
    table = replace(table, file=file, fingerprint=digest.hexdigest())
    _tell(table)
    return table


def _give_back() -> None:
    """Return to the system what Arrow needed for the texts of the cells and keeps for the next: measured, of
    100,000 rows and 50 columns 100 MB in each process."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _of_cells(cells: csv_reading.Cells, options: Reading, file: str, first_of_test: int | None) -> Columns:
    import numpy as np
    import pandas as pd

    test = None if first_of_test is None else np.arange(first_of_test, len(cells.rows))
    predicted = read_target(cells.rows[options.target], options, file)
    columns, left_out = _predictors(cells, options, file)
    kept = {name: column for name, column in columns.items() if not column.why}
    frame = pd.DataFrame({name: column.content for name, column in kept.items()})
    categories = _categories(kept, options)
    groups, times = groups_of(cells.rows, options, file), _times(cells.rows, options, file)
    read = {options.target: predicted.column, **kept}
    return Columns(
        file=file,
        fingerprint="",
        predicted=predicted,
        frame=frame,
        numbers=tuple(name for name in kept if name not in categories),
        categories=categories,
        left_out=left_out,
        groups=groups,
        options=options,
        units={name: column.unit for name, column in read.items() if column.unit},
        notes=(
            *cells.notes,
            *(note for column in [predicted.column, *columns.values()] for note in column.notes),
            *repeated(frame, predicted.content, groups, test),
            *shared_note(groups, test, options.group or ""),
            *early_note(None if times is None else times.stamps, test, options.time or ""),
        ),
        times=times,
        test=test,
    )


def _times(rows: pd.DataFrame, options: Reading, file: str) -> Times | None:
    if options.time is None:
        return None
    return read_times(rows[options.time], options.time_format, f"the time {options.time} of {file}")


def _categories(columns: dict[str, Column], options: Reading) -> dict[str, tuple[str, ...]]:
    texts = {name: column.content for name, column in columns.items() if column.content.dtype.kind != "f"}
    return {name: known_categories(content, options) for name, content in texts.items()}


def _tell(table: Columns) -> None:
    """Say what was made of a file, but not in workers, which read it again."""
    if multiprocessing.parent_process() is None:
        from lossbench.data.account import account

        log.info("\n".join(account(table)))


def _predictors(
    cells: csv_reading.Cells, options: Reading, file: str
) -> tuple[dict[str, Column], dict[str, str]]:
    """The columns to predict from, each as it was read; and why some of the file are left out."""
    others = {options.target, options.group, options.time, *options.drop}
    others -= {*options.numbers, *options.categories}  # the time may be both
    columns = {
        name: read_column(cells.rows[name], options, file)
        for name in cells.rows.columns
        if name not in others
    }
    left_out = cells.left_out | {name: column.why for name, column in columns.items() if column.why}
    if all(column.why for column in columns.values()):
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "there are no others"
        raise InputError(f"{file} leaves no column to predict {options.target} from ({why}).")
    return columns, left_out
