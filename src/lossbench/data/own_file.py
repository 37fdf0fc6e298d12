"""A user's own file: found, read once as texts, and its columns by the names that a config gives."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.data import csv_reading
from lossbench.data.conventions import Convention, in_ascii, present, without_unit
from lossbench.data.other_conventions import convention_note
from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

log = logging.getLogger(__name__)

_LARGEST = 1e30  # far from the end of float32


@dataclass(frozen=True, eq=False)
class OwnFile:
    """A file as texts; an empty cell is "".

    file: its name.
    digest: sha256 of its content.
    rows: a column of texts for each name of its first line.
    notes: what looks wrong and need not be.
    """

    file: str
    digest: str
    rows: pd.DataFrame
    separator: str
    notes: tuple[str, ...]

    def columns(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[pd.Series[str]]]:
        """Of each knob of names its columns.

        Raises:
            InputError: a name is no column, occurs twice in the file, or stands in two knobs.
        """
        owners: dict[str, str] = {}
        found: dict[str, list[pd.Series[str]]] = {}
        for knob, names in wanted.items():
            found[knob] = []
            for given in names:
                name = self._name(given, knob)
                if owners.setdefault(name, knob) != knob or any(own.name == name for own in found[knob]):
                    raise InputError(
                        f"data.{knob}={given} is named twice, in data.{owners[name]} first: a column can be "
                        "only one of what is asked for."
                    )
                found[knob].append(self.rows[name])
        return found

    def _name(self, given: str, knob: str) -> str:
        names = list(map(str, self.rows.columns))
        same = [own for own in names if own == given] or [
            own for own in names if _value(own) == _value(given)
        ]
        if len(same) == 1:
            return same[0]
        if same:
            raise InputError(f"{self.file} has several columns named {given}: rename or remove them.")
        separator = csv_reading.separated_by(names[0], self.separator) if len(names) == 1 else ""
        known = f"its first line asks for {separator}; " if separator else ""
        raise InputError(
            f"data.{knob}={given} is no column of {self.file} ({known}{suggestion(given, names):.300})."
        )


def own_file(path: str, separator: str) -> OwnFile:
    """The file at a path, from where the command is typed; read once while it does not change.

    Args:
        separator: comma, semicolon or tab.

    Raises:
        InputError: it is missing or no table.
    """
    place = found(path)
    state = place.stat()
    return _read(place, separator, state.st_mtime_ns, state.st_size)


def found(path: str, *, folder: bool = False, knob: str = "path") -> Path:
    """The place of a file, or of a folder where that may be one.

    Raises:
        InputError: there is nothing to be read.
    """
    place = Path(path).expanduser()
    wanted = "a file or a folder" if folder else "a file"
    try:
        place.stat()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise InputError(f"data.{knob}={path} {reason}, seen from {Path.cwd()}: name {wanted}.") from error
    if not (place.is_file() or (folder and place.is_dir())):
        raise InputError(f"data.{knob}={path} is no file: name {wanted}.")
    return place


@lru_cache(maxsize=4)
def _read(place: Path, separator: str, _changed: int, _size: int) -> OwnFile:
    cells = csv_reading.read(place, csv_reading.SEPARATORS[separator])
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    return OwnFile(place.name, digest, cells.rows, csv_reading.SEPARATORS[separator], cells.notes)


def tell(lines: Sequence[str]) -> None:
    """Say what was made of a file, but not in workers, which read it again."""
    if multiprocessing.parent_process() is None:
        log.info("\n".join(lines))


def names_as_texts(given: Any) -> Any:
    """Names of columns as texts: YAML makes numbers of some. Lists, which have no hash, become tuples."""
    if isinstance(given, (list, tuple)):
        return tuple(map(names_as_texts, given))
    if isinstance(given, bool):
        return str(given).lower()
    return repr(given) if isinstance(given, (int, float)) else given


def numbers_of(
    cells: pd.Series[str], convention: Convention, owner: str
) -> tuple[npt.NDArray[np.float64], str, tuple[str, ...]]:
    """A column of numbers, NaN where a cell is empty; the sign or unit of every cell; what may be wrong.

    Args:
        owner: of the column, for sentences: `the target load of power.csv`.

    Raises:
        InputError: a cell is no number, or not finite.
    """
    import numpy as np

    from lossbench.data import column_refusals as refusals

    bare, unit = cells, ""
    values = convention.numbers(cells)
    if (present(cells) & values.isna()).any():
        unit, bare = without_unit(in_ascii(cells))
        values = convention.numbers(bare)
        wrong = present(bare) & values.isna()
        if wrong.any():
            refusals.other_convention(bare, cells, convention, owner, None)
            refusals.mixed_signs(cells, owner, None)
        refusals.first(wrong, cells, owner, "is no number", "correct it, or leave it empty")
    refusals.first(values.abs() > _LARGEST, cells, owner, "is not finite or too large", "correct it")
    note = convention_note(bare, convention, str(cells.name))
    return np.array(values, dtype=np.float64), unit, (note,) if note else ()


def _value(name: str) -> float | str:
    """What YAML makes of a name."""
    try:
        return float(name)
    except ValueError:
        return name.lower() if name.lower() in ("true", "false") else name
