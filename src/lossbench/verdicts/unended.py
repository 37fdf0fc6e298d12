"""Training that had not ended: what the last epochs still gained, and how many would probably do.

A verdict on losses that were still getting better is a verdict on their speed: at ten times the epochs it may
be another. Validation tells. A trial had not ended where all of this holds:

    most of its seeds have their best epoch in the last tenth of the epochs, and were not stopped by patience
    the mean curve over seeds falls in the second half of the epochs beyond its noise from epoch to epoch
    the last tenth lowered it by more than a hundredth of the error that is left, or of all that training
    gained where that is less

so that a plateau, whose best epoch lies anywhere and is ahead of others by noise, is not taken for a slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lossbench.significant import number
from lossbench.verdicts.conditions import TRIAL, Layout, label
from lossbench.verdicts.remarks import several
from lossbench.verdicts.results import metric_of
from lossbench.verdicts.sign_flips import Floats

Histories = Callable[[Sequence[str], str], pd.DataFrame]
"""(run ids, metric) -> columns run_id, step (from 1), value."""

LATE = 0.1  # of the epochs
LEAST_GAIN = 0.01  # of the error that is left, or of all that training gained
SURE = 0.01  # p of a straight line through the second half
MOST_TIMES = 10  # as many epochs are named at most
_ENOUGH_FOR_NOISE = 4  # epochs of the second half


@dataclass(frozen=True)
class Unended:
    """A trial that was still getting better at its last epoch.

    condition: its loss and axes
    run_ids: of all its seeds
    epochs: that it had
    gain: of the last tenth of them, in the metric that chooses, positive
    reached: the best mean over seeds of that metric
    enough: epochs that would probably do
    """

    condition: Mapping[Any, Any]
    run_ids: tuple[str, ...]
    epochs: int
    gain: float
    reached: float
    enough: int


def unended(rows: pd.DataFrame, layout: Layout, select: str, histories: Histories) -> tuple[Unended, ...]:
    """The trials that had not ended, by the metric that chooses (no prefix); few curves are read."""
    finished = rows[rows["outcome"] == "finished"].drop_duplicates("run_id")
    groups = [part for _, part in finished.groupby([*layout.keys, *TRIAL], dropna=False, sort=False)]
    groups = [part for part in groups if _may_be_late(part)]
    if not groups or not select:
        return ()
    curves = histories([str(name) for part in groups for name in part["run_id"]], f"val/{select}")
    curves = curves[np.isfinite(curves["value"])]
    metric = metric_of(finished, select)
    found = []
    for part in groups:
        own = curves[curves["run_id"].isin(part["run_id"])]
        table = own.pivot_table(index="run_id", columns="step", values="value").sort_index(axis="columns")
        sign = -1.0 if metric.higher_is_better else 1.0
        best = 0.0 if metric.best is None else metric.best
        left = 0.0 if metric.best is not None else -math.inf
        if told := slope(sign * (table.to_numpy(float) - best), _patience(part), left):
            epochs, gain, error, enough = told
            condition = {key: part[key].iloc[0] for key in layout.keys}
            ids = tuple(part["run_id"].astype(str))
            found.append(Unended(condition, ids, epochs, gain, best + sign * error, enough))
    return tuple(found)


def _may_be_late(runs: pd.DataFrame) -> bool:
    """What params and the number of the best epoch tell without curves."""
    if "val_best/epoch" not in runs:
        return False
    most = pd.to_numeric(runs.get("trainer.max_epochs", pd.Series(np.nan, index=runs.index)), errors="coerce")
    return bool((most.isna() | (runs["val_best/epoch"] > most - _late(most))).mean() > 0.5)


def _late(epochs: Any) -> Any:
    return np.maximum(1, np.round(LATE * epochs))


def _patience(runs: pd.DataFrame) -> float:
    if "trainer.patience" not in runs:
        return math.inf
    return float(pd.to_numeric(runs["trainer.patience"], errors="coerce").fillna(math.inf).max())


def slope(
    curves: Floats, patience: float = math.inf, perfect: float = 0.0
) -> tuple[int, float, float, int] | None:
    """Epochs, gain, error reached and enough epochs of a trial that had not ended; None of one that had.

    Args:
        curves: (seeds, epochs) of an error; NaN behind the last epoch of a seed.
        patience: epochs without a better one after which a seed is stopped.
        perfect: the error that cannot be beaten; minus infinity where there is none.
    """
    if curves.size == 0 or curves.shape[1] < 2:
        return None
    epochs = curves.shape[1]
    last = epochs - 1 - np.isfinite(curves[:, ::-1]).argmax(axis=1)
    best = np.nanargmin(curves, axis=1)
    going = (last - best < patience) & (last == epochs - 1)
    late = int(_late(epochs))
    if (going & (best > epochs - 1 - late)).mean() <= 0.5:
        return None
    mean = np.nanmean(curves[going], axis=0)
    reached = np.minimum.accumulate(mean)
    gain = float(reached[epochs - 1 - late] - reached[-1])
    least = LEAST_GAIN * min(float(mean[0] - reached[-1]), float(reached[-1]) - perfect)
    if gain <= least or not _falls(mean):
        return None
    return epochs, gain, float(reached[-1]), _enough(reached, perfect)


def _falls(mean: Floats) -> bool:
    """Whether a curve falls in its second half beyond its noise; too short ones are believed."""
    half = mean[len(mean) // 2 :]
    if len(half) < _ENOUGH_FOR_NOISE:
        return True
    from scipy.stats import linregress

    return bool(linregress(np.arange(len(half)), half, alternative="less").pvalue < SURE)


def _enough(reached: Floats, perfect: float) -> int:
    """Epochs after which less than a hundredth would be missing, if each quarter gains a constant share of
    what the one before gained; at most ten times as many as there were."""
    epochs, quarter = len(reached), len(reached) // 4
    most = MOST_TIMES * epochs
    if quarter < 2:
        return most
    start, middle, end = (float(reached[-1 - back * quarter]) for back in (2, 1, 0))
    ratio = (middle - end) / (start - middle) if start > middle else math.inf
    if ratio >= 1:
        return most
    missing = (middle - end) * ratio / (1 - ratio)
    if missing >= end - perfect:
        return most
    allowed = LEAST_GAIN * min(float(reached[0]) - end + missing, end - perfect - missing)
    quarters = max(0.0, math.log(allowed / missing) / math.log(ratio)) if missing > 0 else 0.0
    return min(most, _rounded_up(max(1.5 * epochs, epochs + quarters * quarter)))


def _rounded_up(value: float) -> int:
    """To one digit that counts, two below 100: 134 to 200, 23.5 to 24."""
    unit = 10 ** max(0, math.floor(math.log10(value)) - (1 if value < 100 else 0))
    return int(math.ceil(value / unit) * unit)


def not_ended(short: Sequence[Unended], layout: Layout, select: str) -> list[str]:
    """Which trials were still getting better, by how much, and how many epochs would probably do."""
    if not short:
        return []
    parts = [
        f"{label(one.condition, layout.keys)} by {number(one.gain, 2)} to {number(one.reached, 3)}"
        for one in short
    ]
    epochs = {one.epochs for one in short}
    last = f"the last of {epochs.pop()} epochs" if len(epochs) == 1 else "the last epoch"
    return [
        f"Training had not ended at {last}, so what is said here holds at this budget: the last tenth still "
        f"improved validation {select} ({several(parts)}). "
        f"Try trainer.max_epochs={max(one.enough for one in short)}."
    ]
