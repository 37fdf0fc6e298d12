"""Which image files there are, and what their folders or a table beside them say of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data import csv_reading
from lossbench.data.image_groups import found_groups
from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3  # names in a sentence
_MOST_PARTS = 4  # of one data set: more folders are rather classes
_LISTED = 12  # columns
_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
_OTHER_PLACE = "put the table where its file names begin, or correct them"
_LEFT_BY_SYSTEMS = {"__MACOSX", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Listing:
    """Image files in a fixed order.

    names: of `paths`, as they are told.
    said: what is to be predicted, as texts: a column for each number or class, a text for each file.
    groups: the text that files of one group share; None: no groups were asked for.
    notes: what was left out, and why.
    """

    paths: tuple[Path, ...]
    names: tuple[str, ...]
    said: tuple[tuple[str, ...], ...]
    groups: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def and_then(self, other: Listing) -> Listing:
        """These, and others behind them."""
        said = tuple(one + more for one, more in zip(self.said, other.said, strict=True))
        groups = None if self.groups is None or other.groups is None else self.groups + other.groups
        return Listing(
            self.paths + other.paths, self.names + other.names, said, groups, self.notes + other.notes
        )


def folder_of_classes(root: Path, group: str | None) -> Listing:
    """All images below `root`, each of the class that the folder directly below `root` is called.

    Args:
        group: a regular expression; what it finds in a file's name (its first group in brackets, where it
            has one) is the file's group.

    Raises:
        InputError: there are no such folders, no images in them, or a name without a group.
    """
    known = _suffixes()
    names: list[str] = []
    others: list[str] = []
    loose: list[str] = []
    empty: list[str] = []
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if _hidden(entry.name):
            continue
        if not entry.is_dir():
            (loose if _suffix(entry.name) in known else others).append(entry.name)
            continue
        files = _files_below(root, entry.name)
        images = [name for name in files if _suffix(name) in known]
        others += [name for name in files if _suffix(name) not in known]
        names += images
        if not images:
            empty.append(entry.name)
    classes = tuple(name.split("/", 1)[0] for name in names)
    _check_folders(root, classes, loose, others)
    _check_inner_folders(root, names)
    notes = [
        *_left_out(others, "is no image", "are no images"),
        *_left_out(loose, "lies in no folder of a class", "lie in no folder of a class"),
        *_left_out(empty, "is a folder without images", "are folders without images"),
    ]
    groups = None if group is None else found_groups(names, group)
    paths = tuple(root / name for name in names)
    return Listing(paths, tuple(names), (classes,), groups, tuple(notes))


def table_of_files(
    table: Path, file: str | None, target: Sequence[str], group: str | None, separator: str
) -> Listing:
    """The images that a table names, seen from its folder.

    Args:
        file: the column of file names.
        target: the columns of what is to be predicted.
        group: the column of groups.
        separator: what parts the cells.

    Raises:
        InputError: a column or a file is not there, or a cell of these columns is empty.
    """
    cells = csv_reading.read(table, separator)
    columns = list(map(str, cells.rows.columns))
    if file is None or not target:
        shown = ", ".join(columns[:_LISTED]) + (", ..." if len(columns) > _LISTED else "")
        raise InputError(
            f"{table.name} is a table: name its column of file names and what to predict, as in "
            f"data.file=image data.target=label (its columns: {shown})."
        )
    for knob, names in (("file", [file]), ("target", target), ("group", [group] if group else [])):
        for name in names:
            if name not in columns:
                raise InputError(
                    f"data.{knob}={name} is no column of {table.name} ({suggestion(name, columns)})."
                )
    read = [_filled(cells.rows, name, table) for name in (file, *target, *([group] if group else []))]
    _check_files(table, read[0])
    groups = read[-1] if group else None
    paths = tuple(table.parent / name for name in read[0])
    return Listing(paths, read[0], tuple(read[1 : 1 + len(target)]), groups, cells.notes)


def _check_folders(root: Path, classes: Sequence[str], loose: Sequence[str], others: Sequence[str]) -> None:
    form = "data.path is a folder with one folder for each class, or a CSV of file names"
    if not classes:
        if loose:
            raise InputError(f"{root} holds {counted(len(loose), 'image')} and no folder with any: {form}.")
        there = f" ({counted(len(others), 'other file')}, such as {others[0]})" if others else ""
        raise InputError(f"{root} holds no images{there}: {form}.")
    if {name.lower() for name in classes} <= _SPLITS:
        found = dict.fromkeys(classes)
        train = next((name for name in found if name.lower().startswith("train")), next(iter(found)))
        test = next((f" data.test_path={root / name}" for name in found if name.lower() == "test"), "")
        raise InputError(
            f"{root} holds the folders {', '.join(found)}, which are parts and no classes: set "
            f"data.path={root / train}{test}."
        )


def _check_inner_folders(root: Path, names: Sequence[str]) -> None:
    """Refuse parts such as tr and te, which hold the same classes as folders and nothing beside them."""
    inner: dict[str, set[str]] = {}
    for name in names:
        part, _, below = name.partition("/")
        inner.setdefault(part, set()).add(below.partition("/")[0] if "/" in below else "")
    same = sorted(set.intersection(*inner.values())) if inner else []
    if len(inner) > _MOST_PARTS or len(same) < 2 or any("" in own for own in inner.values()):
        return
    train = next((part for part in inner if part.lower().startswith("tr")), next(iter(inner)))
    others = [part for part in inner if part != train]
    test = next((part for part in others if part.lower().startswith("te")), "".join(others[-1:]))
    own = f" data.test_path={root / test}" if test else ""
    raise InputError(
        f"{root} holds folders of folders ({train}/{same[0]}, {train}/{same[1]}): if the inner ones are the "
        f"classes, set data.path={root / train}{own}, else name the files and their classes in a table."
    )


def _check_files(table: Path, names: Sequence[str]) -> None:
    missing = [row for row, name in enumerate(names) if not (table.parent / name).is_file()]
    if missing:
        first = names[missing[0]]
        meant = _meant(table.parent, first)
        remedy = f"write {meant} there, and others alike" if meant else _OTHER_PLACE
        raise InputError(
            f"{table.name} names {counted(len(missing), 'file')} of {len(names)} that {_do(missing)} not "
            f"exist, the first in row {missing[0] + 1}, {first}, seen from {table.parent}: {remedy}."
        )


def _meant(folder: Path, name: str) -> str:
    """The file that a name with \\ between its folders, or without its suffix, means; "" where none is."""
    plain = name.replace("\\", "/")
    if (folder / plain).is_file():
        return plain
    place = (folder / plain).parent
    if not place.is_dir():
        return ""
    own = Path(plain).name
    there = sorted(entry.name for entry in os.scandir(place) if Path(entry.name).stem == own)
    image = next((found for found in there if _suffix(found) in _suffixes()), own)
    return "" if image == own else plain + image.removeprefix(own)


def _do(found: Sequence[object]) -> str:
    return "does" if len(found) == 1 else "do"


def _filled(rows: pd.DataFrame, name: str, table: Path) -> tuple[str, ...]:
    texts = tuple(rows[name])
    empty = next((row for row, text in enumerate(texts) if text == ""), None)
    if empty is not None:
        raise InputError(
            f"{name} of {table.name} is missing in row {empty + 1} below the names: fill it in, or remove "
            "the row."
        )
    return texts


def _left_out(names: Sequence[str], one: str, several: str) -> list[str]:
    if not names:
        return []
    if len(names) == 1:
        return [f"{names[0]} {one} and is left out"]
    more = ", ..." if len(names) > _SHOWN else ""
    return [f"{len(names)} {several} and are left out: {', '.join(names[:_SHOWN])}{more}"]


def _files_below(root: Path, folder: str) -> list[str]:
    """Files of a folder and those in it, as seen from `root`, in order; without hidden ones."""
    found = []
    for place, folders, files in os.walk(root / folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        here = Path(place).relative_to(root).as_posix()
        found += [f"{here}/{name}" for name in sorted(files) if not _hidden(name)]
    return found


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _LEFT_BY_SYSTEMS


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a tenth of the time, of 100,000 names


@cache
def _suffixes() -> frozenset[str]:
    """Of the files that Pillow reads."""
    from PIL import Image

    Image.init()
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN)
