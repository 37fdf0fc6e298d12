"""From a CSV file to columns of numbers and of categories, with a clear sentence for what is wrong in it."""

from __future__ import annotations

import difflib
import hashlib
import logging
import multiprocessing
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.config.quoting import typed
from lossbench.counting import counted
from lossbench.data import csv_reading
from lossbench.data.column_reading import Column, Reading, known_categories, read_column, read_target
from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

log = logging.getLogger(__name__)

_SHOWN = 12  # names of columns in a sentence


@dataclass(frozen=True, eq=False)
class Columns:
    """A file, understood. `frame` holds float64 columns with NaN, and text columns without."""

    file: str
    fingerprint: str  # sha256 of the file and of how it was read
    target: npt.NDArray[np.float64]
    frame: pd.DataFrame
    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]  # the known ones of each column
    left_out: dict[str, str]  # column: why
    groups: npt.NDArray[np.int64] | None  # the number of each row's group
    options: Reading  # with names as the file has them
    units: dict[str, str]  # column: the sign or unit that was taken off its cells
    notes: tuple[str, ...]  # what may be wrong


def understood(path: str, options: Reading) -> Columns:
    """The columns of a file; read once while it does not change.

    Raises:
        InputError: the file is missing or no table, or a column cannot be used.
    """
    place = Path(path).expanduser()
    try:
        state = place.stat()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise InputError(f"data.path={path} {reason}, seen from {Path.cwd()}: name a CSV file.") from error
    if not place.is_file():
        raise InputError(f"data.path={path} is no file: name a CSV file.")
    return _understood(place, options, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _understood(place: Path, options: Reading, _changed: int, _size: int) -> Columns:
    import pandas as pd

    digest = hashlib.sha256(place.read_bytes())
    digest.update(repr(astuple(options)).encode())
    cells = csv_reading.read(place, options.separator)
    options = _with_names_of(list(cells.rows.columns), options, place)
    if len(cells.rows) < options.fewest:
        raise InputError(
            f"{place.name} has {counted(len(cells.rows), 'row')}, too few to compare losses on: "
            f"at least {options.fewest} are needed."
        )
    target, as_column = read_target(cells.rows[options.target], options, place.name)
    columns, left_out = _predictors(cells, options, place)
    kept = {name: column for name, column in columns.items() if not column.why}
    frame = pd.DataFrame({name: column.content for name, column in kept.items()})
    categories = _categories(kept, options)
    read = {options.target: as_column, **kept}
    groups = _groups(cells.rows, options, place)
    table = Columns(
        file=place.name,
        fingerprint=digest.hexdigest(),
        target=target,
        frame=frame,
        numbers=tuple(name for name in kept if name not in categories),
        categories=categories,
        left_out=left_out,
        groups=groups,
        options=options,
        units={name: column.unit for name, column in read.items() if column.unit},
        notes=(
            *cells.notes,
            *(note for column in [as_column, *columns.values()] for note in column.notes),
            *_repeated(frame, target, groups),
        ),
    )
    _tell(table)
    return table


def _categories(columns: dict[str, Column], options: Reading) -> dict[str, tuple[str, ...]]:
    texts = {name: column.content for name, column in columns.items() if column.content.dtype.kind != "f"}
    return {name: known_categories(content, options) for name, content in texts.items()}


def _tell(table: Columns) -> None:
    """Say what was made of a file, but not in workers, which read it again."""
    if multiprocessing.parent_process() is None:
        from lossbench.data.account import account

        log.info("\n".join(account(table)))


def _predictors(
    cells: csv_reading.Cells, options: Reading, place: Path
) -> tuple[dict[str, Column], dict[str, str]]:
    """The columns to predict from, each as it was read; and why some of the file are left out."""
    others = {options.target, options.group, *options.drop}
    columns = {
        name: read_column(cells.rows[name], options, place.name)
        for name in cells.rows.columns
        if name not in others
    }
    left_out = cells.left_out | {name: column.why for name, column in columns.items() if column.why}
    if all(column.why for column in columns.values()):
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "there are no others"
        raise InputError(f"{place.name} leaves no column to predict {options.target} from ({why}).")
    return columns, left_out


def transform(table: Columns) -> Any:
    """scikit-learn's transformer of `table.frame`, not yet fitted. Its width is fixed by the table.

    Numbers are centred before their deviation is measured: of a column of 9007199254740993 and what follows,
    a deviation of all digits would be rounding, and the column would pass for a constant.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, RobustScaler, StandardScaler

    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        RobustScaler(with_scaling=False),  # minus the median
        StandardScaler(),
    )
    one_hot = OneHotEncoder(
        categories=[list(known) for known in table.categories.values()],
        handle_unknown="ignore",  # a rare category is a row of zeros
        sparse_output=False,
    )
    return ColumnTransformer(
        [("numbers", numbers, list(table.numbers)), ("categories", one_hot, list(table.categories))],
        sparse_threshold=0,
    )


def _groups(rows: pd.DataFrame, options: Reading, place: Path) -> npt.NDArray[np.int64] | None:
    """The number of each row's group; equal texts are one group."""
    import pandas as pd

    if options.group is None:
        return None
    cells = rows[options.group]
    empty = (cells == "").to_numpy().nonzero()[0]
    if len(empty):
        raise InputError(
            f"The group {options.group} of {place.name} is missing in row {empty[0] + 1} below the names; "
            "each row needs one."
        )
    return pd.factorize(cells)[0].astype("int64")


def _repeated(
    frame: pd.DataFrame, target: npt.NDArray[np.float64], groups: npt.NDArray[np.int64] | None
) -> list[str]:
    """Said of rows that occur several times, unless a group holds all of their like."""
    rows = frame.assign(**{"\n": target})  # no column has such a name
    repeated = rows.duplicated(keep=False)
    if groups is not None:
        alike = [
            groups[list(places)]
            for places in rows[repeated].groupby(list(rows), dropna=False).groups.values()
        ]
        count = sum(len(of) for of in alike if len(set(of)) > 1)
    else:
        count = int(repeated.sum())
    if not count:
        return []
    remedy = "remove them" if groups is not None else "remove them, or name what they share in data.group"
    risk = "so some may be in training and in the test"
    return [f"{count} of {len(rows)} rows occur several times, {risk}: {remedy}"]


def _with_names_of(names: list[str], options: Reading, place: Path) -> Reading:
    """The options with names as the file has them: of 1e3 or True, a config knows the value alone.

    Raises:
        InputError: a name is no column, occurs twice, or stands in two knobs that exclude each other.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{place.name} has several columns named {', '.join(twice)}: rename or remove them.")
    found: dict[str, tuple[str, ...]] = {}
    owners: dict[str, str] = {}
    for knob in ("target", "group", "drop", "numbers", "categories"):
        given = getattr(options, knob) or ()
        wanted = (given,) if isinstance(given, str) else given
        found[knob] = tuple(_name_of(name, names, f"data.{knob}", options, place) for name in wanted)
        for name in found[knob]:
            if owners.setdefault(name, knob) != knob:
                raise InputError(
                    f"{typed(f'data.{owners[name]}', name)} is also in data.{knob}: it can be only one."
                )
    many: dict[str, Any] = {knob: found[knob] for knob in ("drop", "numbers", "categories")}
    return replace(options, target=found["target"][0], group=next(iter(found["group"]), None), **many)


def _name_of(name: str, names: list[str], knob: str, options: Reading, place: Path) -> str:
    if name in names:
        return name
    same = [own for own in names if _value(own) == _value(name)]
    if len(same) == 1:
        return same[0]
    separator = csv_reading.separated_by(names[0], options.separator) if len(names) == 1 else ""
    known = f"its first line asks for {separator}; " if separator else ""
    raise InputError(f"{knob}={name} is no column of {place.name} ({known}{_nearest(name, names)}).")


def _value(name: str) -> float | str:
    """What YAML makes of a name."""
    try:
        return float(name)
    except ValueError:
        return name.lower() if name.lower() in ("true", "false") else name


def _nearest(name: str, names: list[str]) -> str:
    """`suggestion`, of a wide table with the nearest names alone."""
    near = difflib.get_close_matches(name, names, n=_SHOWN, cutoff=0.0)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{suggestion(name, near)}{more}"
