"""Which loader a file or a folder wants: a table, texts, or images."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from lossbench.config.quoting import typed
from lossbench.data import csv_reading
from lossbench.errors import InputError

# A small network on small images, which trains a while in a minute.
IMAGES = ("data.size=24", "model=cnn", "model.channels=[8,16]", "model.hidden=32")
WORDS = 4  # that the cells of a column of text have on average, at least
_BESIDE = 1  # columns, an id say, that a table of texts may have beside the text and the target
_LOOKED_AT = 5000  # lines


def data_of(path: str, target: str | None = None, *, separator: str | None = None) -> tuple[str, ...]:
    """The data set that a path means, as overrides that Hydra reads.

    Args:
        separator: of a table, as `data.separator` says it; None: comma.

    Raises:
        InputError: there is nothing, or no target is named where one is needed.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise InputError(
            f"{path} does not exist, seen from {Path.cwd()}: name a table, or a folder of images or texts."
        )
    if place.is_dir():
        if target is not None:
            raise InputError(f"{path} is a folder, whose own folders are the classes: leave {target} out.")
        texts = any(place.glob("*/*.txt"))
        return (
            "data=text" if texts else "data=images",
            override("data.path", path),
            *(() if texts else IMAGES),
        )
    if target is None:
        raise InputError(f"Name the column to predict behind {path}, as in houses.csv price.")
    if text := _column_of_text(place, target, separator or "comma"):
        return (
            "data=text",
            override("data.path", path),
            override("data.text", [text]),
            override("data.target", [target]),
        )
    return ("data=table", override("data.path", path), override("data.target", target))


def override(key: str, value: str | Sequence[str]) -> str:
    """As Hydra reads it, without the quotes that a shell wants."""
    return shlex.split(typed(key, value))[0]


def _column_of_text(place: Path, target: str, separator: str) -> str | None:
    """The column of text, where a table has one and hardly anything beside it and the target.

    None as well where the file cannot be read, which its loader tells.
    """
    import pandas as pd

    sign = csv_reading.SEPARATORS.get(separator, ",")
    try:  # its start alone: the loader reads all of it
        cells = pd.read_csv(place, sep=sign, nrows=_LOOKED_AT, dtype=str, keep_default_na=False).fillna("")
    except Exception:  # what is wrong with it, its loader tells
        return None
    cells.columns = cells.columns.str.strip()
    others = [name for name in cells.columns if name != target]
    if target not in cells or len(others) > 1 + _BESIDE:
        return None
    words = {name: float(cells[name].str.count(r"\S+").mean()) for name in others}
    most = max(words, key=lambda name: words[name], default=None)
    if most is None or words[most] < WORDS or 2 * cells[most].nunique() < len(cells):
        return None
    return most
