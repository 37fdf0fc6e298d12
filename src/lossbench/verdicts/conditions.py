"""The tidy frame of runs, and what is compared in it: conditions.

A condition is a loss and a value of every axis of the experiment (contamination, model, ...). Runs of one
condition differ in the trial (the learning rate, and knobs that were tuned), which is chosen, and in the
seed, over which results are paired.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lossbench.config.folders import GROUPS
from lossbench.config.folders import RATE as RATE
from lossbench.config.knob_types import is_number
from lossbench.tracking.runs import PLACES, UNSAID
from lossbench.verdicts.spelling import in_words, same, show, sorting, spelled, value_of
from lossbench.verdicts.tuned import SETTING, knob_of, restored, told_apart, values_of

LOSS = "loss.name"
SEED = "seed"
TRIAL = [RATE, SETTING]  # the columns that name a trial: what validation chooses among runs of a condition
DONE = ("finished", "diverged")  # a diverged run is a result, and the worst one


def tidy(runs: pd.DataFrame) -> pd.DataFrame:
    """Params as numbers where every value is one; one row per config, the latest that came to a result.

    With the trial of each, of `tuned.told_apart`.
    """
    frame = typed(runs)
    frame["done"] = frame["outcome"].isin(DONE)
    frame = frame.sort_values(["done", "started"], kind="stable")
    frame = frame.drop_duplicates(parameters(frame), keep="last").drop(columns="done").reset_index(drop=True)
    return told_apart(frame)


def typed(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs as they were read, with params as numbers where every value is one, else in one spelling."""
    frame = _said(runs)
    for name in parameters(frame):
        frame[name] = _typed(frame[name])
    frame[SEED] = pd.to_numeric(frame[SEED]).astype(int)
    return frame


def _said(runs: pd.DataFrame) -> pd.DataFrame:
    """A copy with what runs leave out at its default, where other runs of the choice say it."""
    frame = runs.copy()
    for text in frame[UNSAID].dropna().unique() if UNSAID in frame else ():
        for name, default in json.loads(text).items():
            if name not in frame:
                continue
            choice = f"{name.partition('.')[0]}.name"
            saying = frame.loc[frame[name].notna(), choice].unique()
            silent = frame[choice].isin(saying) & frame[name].isna()
            if not silent.any():
                continue
            value = value_of(default)
            numbers = pd.api.types.is_numeric_dtype(frame[name]) and is_number(value)
            frame[name] = frame[name] if numbers else frame[name].astype(object)
            frame.loc[silent, name] = float(value) if numbers else default
    return frame


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    known = column.dropna()
    numbers = pd.to_numeric(known, errors="coerce")
    if len(known) and not numbers.isna().any() and not any(isinstance(value, bool) for value in known):
        return pd.to_numeric(column)
    spellings = {value: spelled(value) for value in known.unique()}
    return column.map(spellings).astype(object).where(column.notna(), None)


def parameters(runs: pd.DataFrame) -> list[str]:
    """Names of the columns that are params of a run and matter to its result."""
    places = places_of(runs)
    named = (name for name in runs.columns if name not in places)
    return [name for name in named if name == SEED or name.split(".")[0] in GROUPS]


def places_of(runs: pd.DataFrame) -> list[str]:
    """Names of params that say where or on what a run was trained, which makes no other run of it."""
    told = runs[PLACES].dropna().unique() if PLACES in runs.columns else ()
    return list(dict.fromkeys([*_PLACES, *(name for text in told for name in json.loads(text))]))


# Of older records, which do not say so.
_PLACES = ("data.root", "data.path", "trainer.accelerator")


def axes_of(runs: pd.DataFrame) -> list[str]:
    """The params that vary by themselves, apart from the loss, the learning rate and the seed.

    A knob that differs only because another choice was named (the delta of Huber, the width of one model) is
    no axis: it varies between choices of its group, never within one.
    """
    found = []
    for name in parameters(runs):
        group = name.split(".")[0]
        if name in (LOSS, *TRIAL, SEED):
            continue
        if name == f"{group}.name":
            varies = len(runs[name].unique()) > 1
        else:
            within = runs.groupby(f"{group}.name", dropna=False)[name]
            varies = any(len(values.unique()) > 1 for _, values in within)
        if varies:
            found.append(name)
    return found


def grid_of(runs: pd.DataFrame) -> dict[str, list[Any]]:
    """What was swept: each param that varies by itself, with its values."""
    told = restored(runs)
    names = dict.fromkeys([LOSS, *axes_of(runs), RATE, *map(knob_of, values_of(runs)), SEED])
    return {name: sorted(told[name].dropna().unique().tolist(), key=sorting) for name in names}


@dataclass(frozen=True)
class Layout:
    """What an experiment compares: losses in the order of the street, and the axes with their values."""

    losses: tuple[str, ...]
    axes: tuple[str, ...]
    levels: Mapping[str, tuple[Any, ...]]

    @property
    def keys(self) -> list[str]:
        """The columns that name a condition."""
        return [LOSS, *self.axes]

    @staticmethod
    def of(runs: pd.DataFrame) -> Layout:
        """Read off the runs themselves, so that it holds for any sweep."""
        names = axes_of(runs)
        levels = {name: tuple(sorted(runs[name].dropna().unique(), key=sorting)) for name in names}
        return Layout(tuple(sorted(runs[LOSS].unique(), key=loss_order)), tuple(names), levels)


def in_order(frame: pd.DataFrame, layout: Layout, *then: str) -> pd.DataFrame:
    """Rows sorted by loss as people list them, then by axis, then by the columns named."""
    orders = {LOSS: layout.losses, **{axis: layout.levels[axis] for axis in layout.axes}}
    places = {
        # A loss that was tuned, whose knobs are empty, stands before the same at knobs that were not.
        f"place of {name}": frame[name]
        .map({value: place for place, value in enumerate(order)})
        .fillna(-1 if name.startswith("loss.") else math.nan)
        for name, order in orders.items()
    }
    return (
        frame.assign(**places)
        .sort_values([*places, *then], kind="stable")
        .drop(columns=list(places))
        .reset_index(drop=True)
    )


LOSS_ORDER = ("mse", "mae", "huber", "bce", "cce", "hinge", "kl", "contrastive", "triplet")


def loss_order(name: str) -> tuple[int, str]:
    """Shipped losses in the order of the README, then the user's own by name."""
    return (LOSS_ORDER.index(name) if name in LOSS_ORDER else len(LOSS_ORDER), name)


def label(condition: Mapping[Any, Any], keys: Sequence[str]) -> str:
    """A condition in words, `huber, contamination 0.2`: without knobs that its loss has not, or tuned."""
    told = [key for key in keys if key != LOSS and not (key.startswith("loss.") and _empty(condition[key]))]
    rest = [f"{in_words(key)} {show(condition[key])}" for key in told]
    named = [text.removeprefix("name ") for text in rest]
    return ", ".join([str(condition[LOSS]), *named])


def by_condition(rows: pd.DataFrame, layout: Layout) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each condition with the condition in words, in the order of their first rows."""
    parts = rows.groupby(layout.keys, dropna=False, sort=False)
    return [(label(own.iloc[0].to_dict(), layout.keys), own) for _, own in parts]


def _empty(value: Any) -> bool:
    return value is None or bool(value != value)


def matches(runs: pd.DataFrame, selection: Mapping[str, Any]) -> pd.Series[bool]:
    """Rows of a selection such as `{"loss": "huber", "data.contamination": 0.2}`.

    Values count, not their spelling: True is `true`, None is `null` or not there, (8, 8) is `[8, 8]`. A tuple
    is one value; a list is one, too, and allows each of its items.
    """
    rows = pd.Series(True, index=runs.index)
    for key, wanted in selection.items():
        column = runs[column_of(key)] if column_of(key) in runs.columns else pd.Series(None, index=runs.index)
        options = [wanted, *wanted] if isinstance(wanted, list) else [wanted]
        meant = [cell for cell in column.unique() if any(same(cell, option) for option in options)]
        rows &= column.isin(meant)
    return rows


def side_of(runs: pd.DataFrame, selection: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a selection; of a loss that was tuned, and trained at other knobs as well, the tuned ones.

    They are meant where the selection does not name the knob.
    """
    rows = runs[matches(runs, selection)]
    for column in values_of(rows):
        name = knob_of(column)
        if name not in selection:
            tuned = rows.loc[rows[column].notna(), LOSS].unique()
            rows = rows[rows[name].isna() | ~rows[LOSS].isin(tuned)]
    return rows


def column_of(key: str) -> str:
    """The column that a selection's key means: a bare group is its name."""
    return f"{key}.name" if key in GROUPS else key
