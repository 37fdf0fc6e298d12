"""From a CSV file to columns of numbers and of categories, with a clear sentence for what is wrong in it."""

from __future__ import annotations

import difflib
import hashlib
import logging
import multiprocessing
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

log = logging.getLogger(__name__)

MISSING = "(missing)"
_LARGEST = 1e30  # far from the end of float32
_SHOWN = 12  # names of columns in a sentence


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; the fields are the knobs of `data=csv`."""

    separator: str
    target: str
    drop: tuple[str, ...]
    categories: tuple[str, ...]
    max_categories: int
    min_count: int
    fewest: int


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


def understood(path: str, options: Reading) -> Columns:
    """The columns of a file; read once while it does not change.

    Raises:
        InputError: the file is missing or no table, or a column cannot be used.
    """
    place = Path(path).expanduser()
    try:
        state = place.stat()
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise InputError(f"data.path={path} {reason}, seen from {Path.cwd()}: name a CSV file.") from error
    if not place.is_file():
        raise InputError(f"data.path={path} is no file: name a CSV file.")
    return _understood(place, options, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _understood(place: Path, options: Reading, _changed: int, _size: int) -> Columns:
    raw, left_out = _read(place, options)
    names = [str(name) for name in raw.columns]
    _check_names(names, options, place)
    if len(raw) < options.fewest:
        raise InputError(
            f"{place.name} has {len(raw)} rows, too few to compare losses on: "
            f"at least {options.fewest} are needed."
        )
    target = _target(raw[options.target], place)
    numbers, known, kept = [], {}, {}
    for name in names:
        if name == options.target or name in options.drop:
            continue
        column = _column(raw[name], name in options.categories, place)
        why = _useless(column, options)
        if why:
            left_out[name] = why
            continue
        kept[name] = column
        if column.dtype.kind == "f":
            numbers.append(name)
        else:
            known[name] = _known(column, options)
    if not kept:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "there are no others"
        raise InputError(f"{place.name} leaves no column to predict {options.target} from ({why}).")
    if left_out and multiprocessing.parent_process() is None:  # workers read the file again
        told = ", ".join(f"{name} ({reason})" for name, reason in left_out.items())
        log.warning("%s: left out %s", place.name, told)
    digest = hashlib.sha256(place.read_bytes())
    digest.update(repr(astuple(options)).encode())
    import pandas as pd

    frame = pd.DataFrame(kept)
    return Columns(place.name, digest.hexdigest(), target, frame, tuple(numbers), known, left_out)


def transform(table: Columns) -> Any:
    """scikit-learn's transformer of `table.frame`, not yet fitted. Its width is fixed by the table."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    one_hot = OneHotEncoder(
        categories=[list(known) for known in table.categories.values()],
        handle_unknown="ignore",  # a rare category is a row of zeros
        sparse_output=False,
    )
    return ColumnTransformer(
        [("numbers", numbers, list(table.numbers)), ("categories", one_hot, list(table.categories))],
        sparse_threshold=0,
    )


def _read(place: Path, options: Reading) -> tuple[pd.DataFrame, dict[str, str]]:
    """All cells as text, NaN where empty or NA, under the names of the first line; nameless columns."""
    import pandas as pd

    try:
        # The names are read as a row: pandas would rename equal ones silently.
        cells = pd.read_csv(
            place, sep=options.separator, header=None, dtype=str, encoding="utf-8-sig", skipinitialspace=True
        )
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{place.name} is empty: it needs a line of column names and rows below.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{place.name} is not in UTF-8 ({error.reason}): save it as CSV UTF-8.") from error
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ").rstrip(".")
        raise InputError(
            f"{place.name} is no table ({reason}): each line needs as many cells as the first; see "
            "data.separator."
        ) from error
    names = [cell.strip() if isinstance(cell, str) else "" for cell in cells.iloc[0]]
    rows = cells.iloc[1:].reset_index(drop=True)
    named = [position for position, name in enumerate(names) if name]
    left_out = {f"column {position + 1}": "no name" for position, name in enumerate(names) if not name}
    rows = rows.iloc[:, named]
    rows.columns = pd.Index([names[position] for position in named])
    return rows, left_out


def _check_names(names: list[str], options: Reading, place: Path) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{place.name} has several columns named {', '.join(twice)}: rename or remove them.")
    known = "data.separator=semicolon or tab may be right, " if len(names) == 1 else ""
    wanted = {
        "data.target": (options.target,),
        "data.drop": options.drop,
        "data.categories": options.categories,
    }
    for knob, chosen in wanted.items():
        for name in chosen:
            if name not in names:
                raise InputError(
                    f"{knob}={name} is no column of {place.name} ({known}{_nearest(name, names)})."
                )
    if options.target in (*options.drop, *options.categories):
        raise InputError(
            f"data.target={options.target} is also in data.drop or data.categories: it can be only one."
        )


def _nearest(name: str, names: list[str]) -> str:
    """`suggestion`, of a wide table with the nearest names alone."""
    near = difflib.get_close_matches(name, names, n=_SHOWN, cutoff=0.0)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{suggestion(name, near)}{more}"


def _numbers(raw: pd.Series[str]) -> pd.Series[float]:
    """NaN where there is no number."""
    import pandas as pd

    return pd.to_numeric(raw, errors="coerce").astype("float64")


def _target(raw: pd.Series[str], place: Path) -> npt.NDArray[np.float64]:
    import numpy as np

    values = _numbers(raw)
    owner = f"the target {raw.name} of {place.name}"
    _refuse_first(raw.isna(), raw, owner, "", "remove such rows")
    _refuse_first(values.isna(), raw, owner, "is no number", "correct it, or choose another data.target")
    _refuse_first(values.abs() > _LARGEST, raw, owner, "is not finite or too large", "correct it")
    if values.min() == values.max():
        raise InputError(f"{owner[0].upper()}{owner[1:]} is {values[0]:g} in every row: nothing to learn.")
    return np.array(values, dtype=np.float64)  # a copy: pandas' own array cannot be written to


def _column(raw: pd.Series[str], named_category: bool, place: Path) -> pd.Series[Any]:
    """float64 with NaN, or text without."""
    values = _numbers(raw)
    present = raw.notna()
    if named_category or (values.notna().sum() < present.sum() / 2):
        return raw.str.strip().fillna(MISSING).astype(object)
    owner = f"the column {raw.name} of {place.name}"
    remedy = f"correct it, leave it empty, or set data.categories=[{raw.name}]"
    _refuse_first(present & values.isna(), raw, owner, "is no number, unlike most of the column", remedy)
    _refuse_first(values.abs() > _LARGEST, raw, owner, "is not finite or too large", "correct it")
    return values


def _refuse_first(wrong: pd.Series[bool], raw: pd.Series[str], owner: str, fault: str, remedy: str) -> None:
    """Refuse the first of the wrong cells; without a fault, they are empty."""
    rows: Sequence[int] = wrong.to_numpy().nonzero()[0].tolist()
    if not rows:
        return
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    place = f"in row {rows[0] + 1} below the names{more}"
    told = f"has {raw.iloc[rows[0]]!r} {place}, which {fault}" if fault else f"is missing {place}"
    raise InputError(f"{owner[0].upper()}{owner[1:]} {told}; {remedy}.")


def _useless(column: pd.Series[Any], options: Reading) -> str:
    """Why nothing can be learned from a column; empty where something can."""
    if column.dtype.kind == "f":
        if column.notna().sum() == 0:
            return "empty"
        return "one value only" if column.min() == column.max() else ""
    if (column == column.iloc[0]).all():
        return "empty" if column.iloc[0] == MISSING else "one value only"
    return "" if _known(column, options) else f"no text occurs {options.min_count} times"


def _known(column: pd.Series[Any], options: Reading) -> tuple[str, ...]:
    """The most frequent categories of the whole file; of equally frequent ones, the first by alphabet."""
    counts = column.value_counts()
    frequent = [(-int(count), str(name)) for name, count in counts.items() if count >= options.min_count]
    return tuple(name for _, name in sorted(frequent)[: options.max_categories])
