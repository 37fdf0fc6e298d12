"""What a trial is: one setting of the learning rate and of the knobs that were tuned with it.

Runs keep which of their knobs a sweep tuned. These are no axes: of one that was tuned, a run's column is
empty, as of a loss that has no such knob, and its value stands in a column of the trial's. So a loss that was
tuned is one condition, and runs of it at knobs that were not (`tune=[]`, or a list of values) are conditions
beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lossbench.config.folders import RATE
from lossbench.config.knob_types import is_number
from lossbench.significant import number
from lossbench.tracking.runs import TUNED
from lossbench.verdicts.spelling import in_words, show

SETTING = "trial"  # which setting of the tuned knobs, of one learning rate
_PREFIX = "trial."  # of columns that hold the values of tuned knobs


def told_apart(frame: pd.DataFrame) -> pd.DataFrame:
    """Runs with the trial of each, and the knobs that were tuned taken out of the conditions."""
    found = frame.copy()
    told = {text: json.loads(text) for text in frame[TUNED].dropna().unique()} if TUNED in frame else {}
    for name in sorted({name for names in told.values() for name in names if name in frame}):
        own = frame[TUNED].isin([text for text, names in told.items() if name in names])
        nothing = None if frame[name].dtype == object else math.nan
        found[f"{_PREFIX}{name}"] = frame[name].where(own, nothing)
        found[name] = frame[name].mask(own, nothing)
    settings = found[values_of(found)].astype(object).where(found[values_of(found)].notna(), None)
    found[SETTING] = pd.factorize(pd.MultiIndex.from_frame(settings))[0] if len(settings.columns) else 0
    return found


def values_of(frame: pd.DataFrame) -> list[str]:
    """The columns that hold what was tuned beside the learning rate."""
    return [name for name in frame.columns if name.startswith(_PREFIX)]


def knob_of(column: str) -> str:
    """The knob whose tuned values a column holds: `loss.delta`."""
    return column.removeprefix(_PREFIX)


def in_numbers(values: pd.Series[Any]) -> bool:
    """Whether the values of what was tuned are numbers, which true and false are not."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def heading(column: str) -> str:
    """What was tuned, in words: `learning rate`, or of a column of `values_of` its knob: `delta`."""
    return "learning rate" if column == RATE else in_words(knob_of(column))


def noun(rows: pd.DataFrame) -> str:
    """What was tried and chosen: a learning rate, or a trial where knobs were tuned with it."""
    return "trial" if values_of(rows) else heading(RATE)


def short(rows: pd.DataFrame) -> str:
    """The same, where it has been named: a rate, or a trial."""
    return noun(rows).removeprefix("learning ")


def restored(frame: pd.DataFrame) -> pd.DataFrame:
    """Runs as they were recorded, with tuned knobs in their own columns."""
    found = frame.drop(columns=[*values_of(frame), SETTING])
    for name in values_of(frame):
        found[knob_of(name)] = found[knob_of(name)].where(frame[name].isna(), frame[name])
    return found


def knobs_of(row: Mapping[Any, Any], digits: int = 4) -> list[str]:
    """The tuned knobs of a run or a trial in words: `["delta 0.31"]`; none where only the rate was."""
    columns = [str(name) for name in row if str(name).startswith(_PREFIX)]
    return [
        f"{in_words(knob_of(name))} {_shown(row[name], digits)}" for name in columns if pd.notna(row[name])
    ]


def _shown(value: Any, digits: int) -> str:
    return number(float(value), digits) if is_number(value) else show(value)


def setting(row: Mapping[Any, Any]) -> str:
    """A trial in words, as short as a cell: `0.004`, or `0.004, delta 0.31`."""
    return ", ".join([show(float(row[RATE])), *knobs_of(row)])
