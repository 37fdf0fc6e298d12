"""The file of a series, its steps in each part, and where windows begin, as the knobs of a config say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.data import season, series_reading, windows
from lossbench.data.conventions import DECIMALS, THOUSANDS, Convention
from lossbench.data.csv_reading import SEPARATORS
from lossbench.data.own_file import names_as_texts, own_file, tell
from lossbench.data.parts import check_shares
from lossbench.data.series_account import told
from lossbench.data.series_reading import Reading, Steps
from lossbench.data.series_spikes import OUTLIERS
from lossbench.data.source import DataSource, Split
from lossbench.errors import InputError
from lossbench.task import Target

if TYPE_CHECKING:
    from typing import Self

    from lossbench.data.splits import Ids

NAIVE_SCALE = "naive_scale"  # what scaled metrics divide by: (N,), or (N, targets) where there are several
_FEWEST_OF_PART = 5  # windows


@dataclass(frozen=True, kw_only=True)
class SeriesFile(DataSource):
    """What is known of a series before windows are cut; `series.Series` says what each knob is.

    credit: whose the numbers are, where they are not the user's.
    """

    credit = ""

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
    season: int | None = knob(None, at_least=1, optional=True, later=True)
    contamination: float = knob(0.0, at_least=0, below=1, later=True)
    outlier: str = knob("one_sided", choices=OUTLIERS, later=True)
    outlier_scale: float = knob(5.0, above=0, later=True)

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
        places, size = (self.horizon,) if self.horizon > 1 else (), max(1, len(self.target))
        return (Target("continuous", size=size, shape=places), Target(NAIVE_SCALE, size=size))

    def account(self) -> list[str]:
        steps = self.steps()
        return _lines(self, steps, self.parts(steps))

    def training_size(self) -> int:
        return len(self.parts(self.steps())["train"])

    @property
    def clean(self) -> Self:
        """Itself without outliers, with which it has all else in common."""
        return replace(self, contamination=0.0, outlier="one_sided", outlier_scale=5.0)

    def parts(self, steps: Steps) -> dict[Split, Ids]:
        """The first steps of the windows of each part."""
        return _parts(self.clean, steps)

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

    def season_of(self, steps: Steps) -> int:
        """The steps of a season.

        Raises:
            InputError: training is shorter than that.
        """
        training = self.blocks(steps)["train"]
        length = training.stop - training.start
        if self.season and self.season >= length:
            raise InputError(
                f"data.season={self.season} is longer than the {length} steps of {steps.file} that train: "
                "make it smaller, or leave it out."
            )
        return self.season or season.season_of(steps, training, joined=self.gaps == "join")

    def cycles(self, steps: Steps) -> tuple[str, ...]:
        """Of the calendar, those that are read."""
        return _cycles(steps) if self.calendar else ()


def _cycles(steps: Steps) -> tuple[str, ...]:
    from lossbench.data.calendar_features import calendar_cycles

    return calendar_cycles(steps.times.stamps) if steps.times.dates else ()


@lru_cache(maxsize=32)
def _parts(source: SeriesFile, steps: Steps) -> dict[Split, Ids]:
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


def _lines(source: SeriesFile, steps: Steps, parts: dict[Split, Ids]) -> list[str]:
    return told(
        steps,
        parts,
        source.blocks(steps),
        past=source.past,
        horizon=source.horizon,
        cycles=source.cycles(steps),
        season=source.season_of(steps),
        contamination=source.contamination,
    )
