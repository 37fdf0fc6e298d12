"""The rows of a user's texts: a table with a column of text, or a folder with a folder of files per class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.data import own_file
from lossbench.data.own_file import OwnFile
from lossbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TEXT, CLASS = "text", "class"  # the columns that a folder is read as
_ENDING = ".txt"


@dataclass(frozen=True, eq=False)
class Rows:
    """What a file or a folder holds, as texts.

    file: its name.
    digest: sha256 of its content.
    texts: of each row; several columns are joined by a space.
    columns: the others that were asked for, by knob.
    places: of each row where its text was, `row 3 below the names` or `pos/3.txt`.
    notes: what looks wrong and need not be.
    """

    file: str
    digest: str
    texts: tuple[str, ...]
    columns: dict[str, list[pd.Series[str]]]
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Wanted:
    """Which columns are asked for, by knob, and how the file is parted into cells."""

    text: tuple[str, ...]
    target: tuple[str, ...]
    group: str | None
    time: str | None
    separator: str


def read(path: str, wanted: Wanted, knob: str = "path") -> Rows:
    """The rows of a file or folder; read once while it does not change.

    Args:
        knob: that names it.

    Raises:
        InputError: it is missing or none, a column is, or a text is empty.
    """
    place = own_file.found(path, folder=True, knob=knob)
    rows = _of_folder(place, wanted) if place.is_dir() else _of_table(path, wanted)
    empty = [where for where, text in zip(rows.places, rows.texts, strict=True) if not text]
    if empty:
        more = f", and {len(empty) - 1} more" if len(empty) > 1 else ""
        raise InputError(f"{rows.file} has no text in {empty[0]}{more}: remove such rows, or write one.")
    return rows


def _of_table(path: str, wanted: Wanted) -> Rows:
    if not wanted.text or not wanted.target:
        raise InputError(
            "data=text needs the column of text and the one to predict: data.text=message data.target=mood "
            "(or a folder with one folder of .txt files per class, which needs neither)."
        )
    return _read_table(own_file.own_file(path, wanted.separator), wanted)


@lru_cache(maxsize=4)
def _read_table(table: OwnFile, wanted: Wanted) -> Rows:
    asked = {
        "text": wanted.text,
        "target": wanted.target,
        "group": (wanted.group,) if wanted.group else (),
        "time": (wanted.time,) if wanted.time else (),
    }
    columns = table.columns(asked)
    texts = [" ".join(filter(None, cells)) for cells in zip(*columns.pop("text"), strict=True)]
    places = tuple(f"row {number} below the names" for number in range(1, len(texts) + 1))
    return Rows(table.file, table.digest, tuple(texts), columns, places, table.notes)


def _of_folder(place: Path, wanted: Wanted) -> Rows:
    said = {"text": wanted.text, "target": wanted.target, "group": wanted.group, "time": wanted.time}
    for knob, value in said.items():
        if value:
            raise InputError(
                f"data.{knob} names a column, and data.path={place} is a folder, whose folders are the "
                f"classes: leave data.{knob} out, or name a table."
            )
    files = [(file, file.stat()) for file in _files(place)]
    return _read_folder(place, tuple((file, state.st_mtime_ns, state.st_size) for file, state in files))


def _files(place: Path) -> Iterator[Path]:
    """The files of each class in order.

    Raises:
        InputError: there are none.
    """
    folders = sorted(inner for inner in place.iterdir() if inner.is_dir() and not inner.name.startswith("."))
    files = [file for folder in folders for file in sorted(folder.iterdir()) if _is_text(file)]
    if files:
        yield from files
        return
    if any(_is_text(file) for file in place.iterdir()):
        why = "texts, but no folders: put those of each class into a folder of their own"
    elif inner := [folder.name for folder in folders if any(own.is_dir() for own in folder.iterdir())]:
        one = place / inner[0]
        why = f"folders of folders: name one of them, as in data.path={one}, and another in data.test_path"
    else:
        why = f"no folder with {_ENDING} files: each class needs one, as in pos/1{_ENDING}"
    raise InputError(f"data.path={place} holds {why}.")


def _is_text(file: Path) -> bool:
    return file.suffix.lower() == _ENDING and not file.name.startswith(".") and file.is_file()


@lru_cache(maxsize=4)
def _read_folder(place: Path, files: tuple[tuple[Path, int, int], ...]) -> Rows:
    import pandas as pd

    digest, texts = hashlib.sha256(), []
    names = [file.relative_to(place).as_posix() for file, _, _ in files]
    for name, (file, _, _) in zip(names, files, strict=True):
        try:
            content = file.read_bytes()
            texts.append(content.decode("utf-8-sig").strip())
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name} in {place.name} is not in UTF-8 ({error.reason}): save it as UTF-8."
            ) from error
        except OSError as error:
            raise InputError(f"{name} in {place.name} cannot be read ({error.strerror}).") from error
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    classes = pd.Series([file.parent.name for file, _, _ in files], dtype=str, name=CLASS)
    others = sorted(
        inner.name
        for inner in place.iterdir()
        if inner.is_dir() and not inner.name.startswith(".") and inner.name not in set(classes)
    )
    notes = (f"left out, for want of {_ENDING} files: {', '.join(others)}",) if others else ()
    return Rows(place.name, digest.hexdigest(), tuple(texts), {"target": [classes]}, tuple(names), notes)
