"""A user's own series: a file of numbers in time, whose next steps are to be predicted from the last ones."""

from __future__ import annotations

import hashlib
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
from lossbench.data.series_examples import NAIVE_SCALE, contaminated, loaded, naive
from lossbench.data.series_reading import Reading, Steps
from lossbench.data.series_spikes import OUTLIERS
from lossbench.data.source import DataSet, DataSource, Examples, Split
from lossbench.errors import InputError
from lossbench.task import InputKind, Prediction, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    season: steps after which the series repeats itself; null: a day where steps are shorter, else a week,
        else a year. Scaled metrics, such as mase, divide by the mean difference of training steps that lie so
        far apart, which is the error of a forecast that repeats the last season.
    contamination: share of training and of validation steps whose targets are outliers, in [0, 1). Windows
        hold the right values, and so does the test. Drawn by the seed.
    outlier: what stands at their place, with s = outlier_scale * standard deviation of the training steps:
        one_sided adds s * u, u uniform in [0.5, 1.5]; symmetric adds it or takes it off.
    outlier_scale: above 0.

    Windows that hold an empty cell are left out. Inputs are standardised by the steps of training. A target
    is in its own units, and so are its metrics; losses see it shifted and scaled, each column by itself.
    """

    # (past, columns) for models of steps; for those of vectors its steps one after another.
    reads = ("series", "vector")
    judged_by = ("continuous",)
    select = "mae"  # a user's target may hold spikes: a squared metric would follow them
    epochs = None  # by its size, as a table
    noise_knobs = ("contamination", "outlier", "outlier_scale")

    credit = ""  # of whose they are, where they are not the user's

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

    def fingerprint(self, seed: int) -> str:
        steps = self.steps()
        if not self.contamination:
            return steps.fingerprint
        noise = [str(getattr(self, name)) for name in self.noise_knobs]
        return hashlib.sha256(f"{steps.fingerprint} {noise} {seed}".encode()).hexdigest()

    def account(self) -> list[str]:
        steps = self.steps()
        return _lines(self, steps, self.parts(steps))

    def training_size(self) -> int:
        return len(self.parts(self.steps())["train"])

    def load(self, seed: int, reads: InputKind) -> DataSet:
        steps = self.steps()
        data = loaded(self.clean, steps, reads)
        return contaminated(self, steps, data, seed) if self.contamination else data

    @property
    def clean(self) -> Series:
        """Itself without outliers, with which it has all else in common."""
        return replace(self, contamination=0.0, outlier="one_sided", outlier_scale=5.0)

    def parts(self, steps: Steps) -> dict[Split, Ids]:
        """The first steps of the windows of each part."""
        return _parts(self.clean, steps)

    def baselines(self) -> Mapping[str, Baseline]:
        repeats = self.season_of(self.steps()) > 1
        return {"naive": self._last} | ({"seasonal naive": self._last_season} if repeats else {})

    def _last(self, data: DataSet, examples: Examples) -> Prediction:
        """The last value that is known."""
        return naive(self, self.steps(), examples.rows, season=1)

    def _last_season(self, data: DataSet, examples: Examples) -> Prediction:
        """The value one season before."""
        steps = self.steps()
        return naive(self, steps, examples.rows, season=self.season_of(steps))

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


def _lines(source: Series, steps: Steps, parts: dict[Split, Ids]) -> list[str]:
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
