"""The season of a series, and the forecast that needs no training: what was there one season before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.series_reading import Steps
    from lossbench.data.splits import Ids
    from lossbench.data.windows import Block

    Numbers = npt.NDArray[np.float64]

# A series repeats itself by the day where its steps are shorter, else by the week, else by the year.
_CYCLES = (86400.0, 7 * 86400.0, 365.2425 * 86400.0)
_SEEN = 2  # seasons at least that training holds


def season_of(steps: Steps, training: Block, *, joined: bool) -> int:
    """How many steps a season has, by the calendar; 1, which makes the last value the forecast, where dates
    say nothing or training holds no two.

    As forecasting competitions have it: hours repeat after 24, days after 7, months after 12 (Makridakis and
    others, "The M4 Competition", 2020, for hours and months).

    Args:
        training: its stretch of steps.
        joined: rows follow each other whatever lies between, as days of trading: five are a week.
    """
    import numpy as np

    stamps = steps.times.stamps
    usual = float(np.median(np.diff(stamps)))
    if joined:
        usual = float(stamps[-1] - stamps[0]) / (len(stamps) - 1)
    if not steps.times.dates:
        return 1
    found = next((round(cycle / usual) for cycle in _CYCLES if cycle >= 2 * usual), 1)
    return found if found * _SEEN <= training.stop - training.start else 1


def naive_scale(steps: Steps, training: Block, season: int) -> Numbers:
    """(targets,) the mean absolute difference of training steps that are a season apart.

    It is what the mean absolute scaled error divides by, so that 1 is the error of the naive forecast on
    training (Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006, section 3). 0 of
    what repeats itself exactly.
    """
    import numpy as np

    values = steps.values[training.start : training.stop, : steps.targets]
    breaks = np.cumsum(steps.breaks[training.start : training.stop])
    apart = np.abs(values[season:] - values[:-season])
    apart[breaks[season:] != breaks[:-season]] = np.nan
    known = ~np.isnan(apart)
    sums = np.where(known, apart, 0.0).sum(axis=0)
    means: Numbers = sums / np.maximum(known.sum(axis=0), 1)
    return means


def seasonal_naive(steps: Steps, firsts: Ids, horizon: int, season: int) -> Numbers:
    """(N, horizon, targets) the value one season before each step, or as many seasons as lie in the past.

    The last known value where that is missing, before the first step, or beyond a gap.

    Args:
        firsts: (N,) the first step that is predicted; the one before it is known.
    """
    import numpy as np

    ahead = np.arange(horizon)
    back = season * (ahead // season + 1) - ahead
    source = firsts[:, None] - back
    breaks = np.cumsum(steps.breaks)
    last = firsts - 1
    values = steps.values[:, : steps.targets]
    inside = np.maximum(source, 0)
    lost = (source < 0) | (breaks[inside] != breaks[last][:, None])
    found = values[inside]
    lost = lost[..., None] | np.isnan(found)
    forecast: Numbers = np.where(lost, values[last][:, None], found)
    return forecast
