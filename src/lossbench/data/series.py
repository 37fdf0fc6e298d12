"""A user's own series: a file of numbers in time, whose next steps are to be predicted from the last ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.data.series_examples import contaminated, loaded, naive
from lossbench.data.series_file import SeriesFile
from lossbench.data.source import DataSet, Examples
from lossbench.task import InputKind, Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lossbench.data.baseline import Baseline


@dataclass(frozen=True, kw_only=True)
class Series(SeriesFile):
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
    judged_by = ("continuous", "forecast")
    select = "mae"  # a user's target may hold spikes: a squared metric would follow them
    epochs = None  # by its size, as a table
    noise_knobs = ("contamination", "outlier", "outlier_scale")

    def fingerprint(self, seed: int) -> str:
        steps = self.steps()
        if not self.contamination:
            return steps.fingerprint
        noise = [str(getattr(self, name)) for name in self.noise_knobs]
        return hashlib.sha256(f"{steps.fingerprint} {noise} {seed}".encode()).hexdigest()

    def load(self, seed: int, reads: InputKind) -> DataSet:
        steps = self.steps()
        data = loaded(self.clean, steps, reads)
        return contaminated(self, steps, data, seed) if self.contamination else data

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
