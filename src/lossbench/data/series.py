"""A user's own series: a file of numbers in time, whose next steps are to be predicted from the last ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.counting import counted
from lossbench.data import series_reading, series_scaling, windows
from lossbench.data.conventions import DECIMALS, THOUSANDS, Convention
from lossbench.data.csv_reading import SEPARATORS
from lossbench.data.naive import last_value
from lossbench.data.own_file import names_as_texts, own_file, tell
from lossbench.data.parts import check_shares
from lossbench.data.series_reading import Reading, Steps
from lossbench.data.shared import while_used
from lossbench.data.source import SPLITS, DataSet, DataSource, Description, Examples, Split
from lossbench.errors import InputError
from lossbench.task import InputKind, Inputs, Prediction, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.data.splits import Ids

_FEWEST_OF_PART = 5  # windows


@dataclass(frozen=True, kw_only=True)
class Series(DataSource):
    """The last `past` steps are read, the next `horizon` predicted; a window lies wholly in one part.

    path: a CSV file, also compressed (.gz, .zip): one line of column names, then one line per step.
    time: the column that says when: dates, or numbers. Rows are sorted by it; of rows with one time the first
        is kept.
    target: the column to predict, or several. Each is a number at each of the `horizon` steps.
    inputs: further columns that are read beside the target's own past, numbers.
    calendar: read, too, where in the day, the week and the year a step is: sine and cosine of each cycle that
        the series holds twice and in which it has two steps.
    past, horizon: steps.
    time_format: how times are written, as strptime knows it; s or ms since 1970; null: any usual one. Those
        with a time zone are read in UTC.
    gaps: where steps are missing in time, leave_out the windows across; or join the rows as they follow each
        other, as days of trading do.
    gap: steps that are left out between the parts, beside the windows that would lie across.
    separator, decimal, thousands: as of `data=csv`.
    val_share, test_share: of the steps: the last ones are the test, those before validation. They are the
        same for every seed, which decides on batches and initial weights.

    Windows that hold an empty cell are left out. Inputs are standardised by the steps of training. A target
    is in its own units, and so are its metrics; losses see it shifted and scaled, each column by itself.
    """

    # (past, columns) for models of steps; for those of vectors its steps one after another.
    reads = ("series", "vector")
    judged_by = ("continuous",)
    select = "mae"  # a user's target may hold spikes: a squared metric would follow them
    epochs = None  # by its size, as a table

    path: str | None = knob(None, optional=True, place=True)
    time: str | None = knob(None, optional=True)
    target: tuple[str, ...] = knob(())
    inputs: tuple[str, ...] = knob(())
    calendar: bool = knob(False)
    past: int = knob(24, at_least=1)
    horizon: int = knob(1, at_least=1)
    time_format: str | None = knob(None, optional=True)
    gaps: str = knob("leave_out", choices=("leave_out", "join"))
    gap: int = knob(0, at_least=0)
    separator: str = knob("comma", choices=tuple(SEPARATORS))
    decimal: str = knob("point", choices=tuple(DECIMALS))
    thousands: str = knob("none", choices=tuple(THOUSANDS))
    val_share: float = knob(0.2, above=0, below=1)
    test_share: float = knob(0.2, above=0, below=1)

    def __post_init__(self) -> None:
        for name in ("time", "target", "inputs"):
            given: Any = names_as_texts(getattr(self, name))
            one = name == "target" and isinstance(given, str)  # which is typed without brackets
            object.__setattr__(self, name, (given,) if one else given)
        super().__post_init__()
        if self.decimal == self.thousands:
            raise InputError(f"data.decimal and data.thousands are both {self.decimal}: they must differ.")
        check_shares(self.val_share, self.test_share)

    def targets(self) -> tuple[Target, ...]:
        places = (self.horizon,) if self.horizon > 1 else ()
        return (Target("continuous", size=max(1, len(self.target)), shape=places),)

    def fingerprint(self, seed: int) -> str:
        return self.steps().fingerprint

    def account(self) -> list[str]:
        return _told(self, self.steps())

    def training_size(self) -> int:
        return len(_parts(self, self.steps())["train"])

    def load(self, seed: int, reads: InputKind) -> DataSet:
        return _loaded(self, self.steps(), reads)

    def baselines(self) -> Mapping[str, Baseline]:
        return {"naive": self._naive}

    def _naive(self, data: DataSet, examples: Examples) -> Prediction:
        """The last value that is known."""
        numbers = _targets_of(self.steps())
        return Prediction(value=_shaped(last_value(numbers, examples.rows + self.past, self.horizon)))

    def steps(self) -> Steps:
        """The file, understood; the same object for every seed.

        Raises:
            InputError: the file or one of its columns cannot be used.
        """
        if self.path is None or self.time is None or not self.target:
            raise InputError(
                "data=series needs your file, its column of time and the one to predict: data.path=power.csv "
                "data.time=hour data.target=load."
            )
        options = Reading(
            time=self.time,
            target=self.target,
            inputs=self.inputs,
            time_format=self.time_format,
            join_gaps=self.gaps == "join",
            convention=Convention(self.decimal, self.thousands),
        )
        steps = series_reading.understood(own_file(self.path, self.separator), options)
        if self.calendar and not _cycles(steps):
            why = (
                "has times that are no dates" if not steps.times.dates else "holds no day, week or year twice"
            )
            unit = steps.times.since_1970
            remedy = f"set data.time_format={unit} if they are {unit} since 1970, or " if unit else ""
            raise InputError(f"data.calendar=true finds nothing: {steps.file} {why}; {remedy}leave it out.")
        return steps

    def blocks(self, steps: Steps) -> dict[Split, windows.Block]:
        """The stretch of steps of each part."""
        return windows.blocks(len(steps.values), self.val_share, self.test_share, self.gap)


def _cycles(steps: Steps) -> tuple[str, ...]:
    from lossbench.data.calendar_features import calendar_cycles

    return calendar_cycles(steps.times.stamps) if steps.times.dates else ()


@lru_cache(maxsize=32)
def _parts(source: Series, steps: Steps) -> dict[Split, Ids]:
    """The first steps of the windows of each part; what was made of the file is said once.

    Raises:
        InputError: a part would hold too few.
    """
    import numpy as np

    missing = np.isnan(steps.values)
    unread, unknown = (np.asarray(which.any(axis=1)) for which in (missing, missing[:, : steps.targets]))
    found = {
        split: windows.starts(block, source.past, source.horizon, steps.breaks, unread, unknown)
        for split, block in source.blocks(steps).items()
    }
    if min(map(len, found.values())) < _FEWEST_OF_PART:
        sizes = {split: len(own) for split, own in found.items()}
        gaps = ", or set data.gaps=join" if steps.breaks.any() else ""
        raise InputError(
            f"{steps.file} has {len(steps.values)} steps, so {sizes['train']} windows for training, "
            f"{sizes['val']} for validation and {sizes['test']} for the test; {_FEWEST_OF_PART} each, "
            f"of {source.past + source.horizon} steps without a gap, are needed: make data.past or "
            f"data.horizon smaller, or change data.val_share or data.test_share{gaps}."
        )
    tell(_lines(source, steps, found))
    return found


def _told(source: Series, steps: Steps) -> list[str]:
    return _lines(source, steps, _parts(source, steps))


def _lines(source: Series, steps: Steps, parts: dict[Split, Ids]) -> list[str]:
    length = source.past + source.horizon
    lines = list(steps.account)
    if source.calendar:
        lines.append(f"  calendar: {', '.join(_cycles(steps))}")
    told, possible = [], 0
    for split, block in source.blocks(steps).items():
        possible += max(0, block.stop - block.start - length + 1)
        first, last = (float(steps.times.stamps[at]) for at in (block.start, block.stop - 1))
        told.append(f"{split} {steps.times.shown(first)} to {steps.times.shown(last)} ({len(parts[split])})")
    left = possible - sum(map(len, parts.values()))
    lines.append(
        f"  windows of {counted(source.past, 'step')} and the next {source.horizon}: {', '.join(told)}"
    )
    notes = list(steps.notes)
    if left:
        notes.append(f"{left} of {possible} windows are left out for a gap or a missing value")
    return [*lines, *(f"  ! {note}" for note in notes)]


def _targets_of(steps: Steps) -> Tensor:
    """The numbers to predict, (T, targets)."""
    import torch

    return torch.from_numpy(steps.values[:, : steps.targets])


def _shaped(wanted: Tensor) -> Tensor:
    """Of (N, horizon, targets) what a target holds: no dimension of one."""
    wanted = wanted.squeeze(2) if wanted.shape[2] == 1 else wanted
    return wanted.squeeze(1) if wanted.shape[1] == 1 else wanted


@lru_cache(maxsize=4)
@while_used
def _loaded(source: Series, steps: Steps, reads: InputKind) -> DataSet:
    """The same for every seed, and held once."""
    import torch

    starts = _parts(source, steps)
    training = source.blocks(steps)["train"]
    cycles = _cycles(steps) if source.calendar else ()
    inputs = windows.views(
        series_scaling.scaled(steps, training, cycles), source.past, flat=reads == "vector"
    )
    ahead = windows.views(_targets_of(steps), source.horizon)
    parts: dict[Split, Examples] = {}
    for split, rows in starts.items():
        own = torch.from_numpy(rows)
        wanted = _shaped(ahead[own + source.past])
        # Windows that overlap say the same twice: they are one group to whoever counts examples.
        parts[split] = Examples(own, {"continuous": wanted}, groups=own // (source.past + source.horizon))
    description = Description(
        name=source.name,
        inputs=Inputs(reads, tuple(inputs.shape[1:])),
        targets=source.targets(),
        sizes={split: len(part) for split, part in parts.items()},
        source=f"{steps.file}, target {', '.join(steps.names[: steps.targets])}",
        fingerprint=steps.fingerprint,
    )
    train, val, test = (parts[split] for split in SPLITS)
    units = {"continuous": series_scaling.target_units(steps, training)}
    return DataSet(description, inputs, train, val, test, units=units)
