"""From a user's file to numbers in the order of time: what is late, missing or twice is told."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data.conventions import Convention
from lossbench.data.own_file import OwnFile, numbers_of
from lossbench.data.timestamps import Times, read_times
from lossbench.errors import InputError
from lossbench.significant import between

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Numbers = npt.NDArray[np.float64]

FEWEST = 50  # steps; below that a part of a fifth says nothing
_GAP = 1.5  # a step that is longer than so many usual ones leaves some out
_SHORT = 0.5


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; the fields are knobs of `data=series`."""

    time: str
    target: tuple[str, ...]
    inputs: tuple[str, ...]
    time_format: str | None
    join_gaps: bool
    convention: Convention


@dataclass(frozen=True, eq=False)
class Steps:
    """A file, understood: T steps in the order of time, each time once.

    file, fingerprint: its name; sha256 of its content and of how it was read.
    names: of the columns: the targets, then further inputs.
    targets: how many of them are targets.
    values: float64 (T, columns), NaN where a cell is empty.
    times: of the steps.
    breaks: bool (T,), whether steps are left out in front of one.
    account, notes: what was made of the file, in lines; what may be wrong in it.
    """

    file: str
    fingerprint: str
    names: tuple[str, ...]
    targets: int
    values: Numbers
    times: Times
    breaks: npt.NDArray[np.bool_]
    account: tuple[str, ...]
    notes: tuple[str, ...]


@lru_cache(maxsize=4)
def understood(file: OwnFile, options: Reading) -> Steps:
    """The steps of a file; read once.

    Raises:
        InputError: it has too few rows, or a column cannot be used.
    """
    wanted = {"time": [options.time], "target": options.target, "inputs": options.inputs}
    columns = file.columns(wanted)
    if len(file.rows) < FEWEST:
        raise InputError(
            f"{file.file} has {counted(len(file.rows), 'row')}, too few to compare losses on: at least "
            f"{FEWEST} steps are needed."
        )
    (time,) = columns["time"]
    times = read_times(time, options.time_format, f"the time {time.name} of {file.file}")
    names, values, account, doubts = _numbers(file, options, columns)
    order, notes = _in_order(times, file.file, str(time.name))
    times, values = Times(times.stamps[order], times.dates), values[order]
    breaks, usual, gaps = _breaks(times, options.join_gaps)
    first, last = times.shown(times.stamps[0]), times.shown(times.stamps[-1])
    return Steps(
        file=file.file,
        fingerprint=hashlib.sha256(f"{file.digest} {astuple(options)}".encode()).hexdigest(),
        names=names,
        targets=len(options.target),
        values=values,
        times=times,
        breaks=breaks,
        account=(
            f"{file.file}: {len(values)} steps, one each {times.span(usual)}, from {first} to {last}",
            *account,
        ),
        notes=(*file.notes, *doubts, *notes, *gaps, *_missing(names, values)),
    )


def _numbers(
    file: OwnFile, options: Reading, columns: dict[str, list[pd.Series[str]]]
) -> tuple[tuple[str, ...], Numbers, list[str], list[str]]:
    """Names and numbers of the targets and further inputs, a line on each kind, and what may be wrong."""
    import numpy as np

    names: list[str] = []
    read: list[Numbers] = []
    account: list[str] = []
    doubts: list[str] = []
    for knob in ("target", "inputs"):
        told = []
        for cells in columns[knob]:
            kind = "target" if knob == "target" else "input"
            owner = f"the {kind} {cells.name} of {file.file}"
            values, unit, notes = numbers_of(cells, options.convention, owner)
            low, high = _range(values, owner)
            told.append(f"{cells.name}{f' (in {unit})' if unit else ''}, from {between(low, high)}")
            names.append(str(cells.name))
            read.append(values)
            doubts += notes
        if told:
            account.append(f"  {knob}: {'; '.join(told)}")
    return tuple(names), np.stack(read, axis=1), account, doubts


def _range(values: Numbers, owner: str) -> tuple[float, float]:
    import numpy as np

    there = values[~np.isnan(values)]
    if len(there) == 0 or there.min() == there.max():
        what = f"is {there[0]:.12g} in every row" if len(there) else "is empty in every row"
        raise InputError(f"{owner[0].upper()}{owner[1:]} {what}: name another column.")
    return float(there.min()), float(there.max())


def _in_order(times: Times, file: str, column: str) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The rows in the order of time, of those with one time the first alone; and what is said of it."""
    import numpy as np

    notes, steps = _told_of(times, column), np.diff(times.stamps)
    order = np.argsort(times.stamps, kind="stable")
    if (steps < 0).any():
        row = int((steps < 0).argmax()) + 2
        turned = (
            "from last to first" if (steps <= 0).all() else f"not in the order of time (row {row} is earlier)"
        )
        notes.append(f"the rows are {turned}: they were sorted by {column}")
    again = np.flatnonzero(np.diff(times.stamps[order]) == 0) + 1
    if len(again) * 2 >= len(order):
        raise InputError(
            f"Most times in {column} of {file} occur several times, as where a file holds several series: "
            "leave one of them, or give each its own file."
        )
    if len(again):
        where = times.shown(float(times.stamps[order[again[0]]]))
        notes.append(
            f"{counted(len(again), 'row')} with a time that was there already, the first {where}: of each "
            "time its first row is kept"
        )
    return np.delete(order, again), notes


def _told_of(times: Times, column: str) -> list[str]:
    """What is said of times that may be others than they are read as."""
    if unit := times.since_1970:
        return [
            f"{column} holds numbers like {'seconds' if unit == 's' else 'milliseconds'} since 1970: set "
            f"data.time_format={unit} if they are dates"
        ]
    if times.zone:
        return [
            f"{column} has a time zone, as in {times.zone}, and is read in UTC, whose days are not the local "
            "ones: write local times without it where the hour of the day matters"
        ]
    return []


def _breaks(times: Times, join: bool) -> tuple[npt.NDArray[np.bool_], float, list[str]]:
    """Before which steps there is a gap, the usual step, and what is said of it."""
    import numpy as np

    between_steps = np.diff(times.stamps)
    usual = float(np.median(between_steps))
    gaps = between_steps > _GAP * usual
    notes = []
    if gaps.any():
        longest = int(between_steps.argmax())
        after = times.shown(float(times.stamps[longest]))
        done = (
            "joined (data.gaps=join)" if join else "no window lies across one (data.gaps=join ignores them)"
        )
        notes.append(
            f"{counted(int(gaps.sum()), 'gap')} in time, the longest of "
            f"{times.span(float(between_steps[longest]))} after {after}: {done}"
        )
    if (short := int((between_steps < _SHORT * usual).sum())) * 20 > len(between_steps):
        notes.append(
            f"the steps are uneven, {short} of {len(between_steps)} are shorter than half of the usual one: "
            "windows count steps, not time"
        )
    return np.concatenate([[False], gaps & (not join)]), usual, notes


def _missing(names: tuple[str, ...], values: Numbers) -> list[str]:
    import numpy as np

    counts = np.isnan(values).sum(axis=0)
    told = [f"{name} in {count} steps" for name, count in zip(names, counts, strict=True) if count]
    return [f"missing: {', '.join(told)}; windows that hold one are left out"] if told else []
