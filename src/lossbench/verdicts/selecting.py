"""Which runs of an experiment a report is about: those with the values that its command line names."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lossbench.errors import InputError, suggestion
from lossbench.tracking.runs import BY_CODE, BY_FINGERPRINT
from lossbench.verdicts.conditions import column_of, matches, parameters, places_of
from lossbench.verdicts.same_data import selected
from lossbench.verdicts.spelling import show, sorting, value_of

_MOST = 8  # recorded values that a refusal lists


def chosen(runs: pd.DataFrame, selection: Mapping[str, Any]) -> pd.DataFrame:
    """The runs that a selection leaves, at least one.

    A place of files is the same however it is spelt, `t.csv` or `./t.csv`.

    Raises:
        InputError: a key is no param of these runs, or no run has its value, or all values together.
    """
    wanted = dict(selection)
    for key in (BY_FINGERPRINT, BY_CODE):
        if (beginning := wanted.pop(key, None)) is not None:
            runs = selected(runs, key, beginning)
    for key in wanted:
        if column_of(key) not in runs.columns:
            raise InputError(f"{key} is no param of these runs ({suggestion(key, parameters(runs))}).")
    rows = [matches(runs, {key: _as_recorded(runs, key, value)}) for key, value in wanted.items()]
    for own, (key, value) in zip(rows, wanted.items(), strict=True):
        if not own.any():
            (said,) = assignments({key: value})
            raise InputError(f"No run has {said}; recorded: {_recorded(runs, key)}.")
    left = runs[functools.reduce(operator.and_, rows)] if rows else runs
    if left.empty:
        raise InputError(
            f"No run has {' '.join(assignments(wanted))} together, though some have each of them; leave one "
            "of them out."
        )
    return left.reset_index(drop=True)


def assignments(selection: Mapping[str, Any]) -> list[str]:
    """A selection as the command line writes it: `loss=mse,mae`."""
    values = ((key, value if isinstance(value, list) else [value]) for key, value in selection.items())
    return [f"{key}={','.join(map(show, value))}" for key, value in values]


def _recorded(runs: pd.DataFrame, key: str) -> str:
    """The values of a param among the runs."""
    cells = sorted(runs[column_of(key)].unique(), key=sorting)
    texts = list(dict.fromkeys(show(value_of(cell)) for cell in cells))
    more = f" and {len(texts) - _MOST} more" if len(texts) > _MOST else ""
    return ", ".join(texts[:_MOST]) + more


def _as_recorded(runs: pd.DataFrame, key: str, wanted: Any) -> Any:
    """What is wanted of a param; of one that says where files lie, each spelling of it that runs have."""
    if not key.startswith("data.") or key not in places_of(runs):
        return wanted
    options = wanted if isinstance(wanted, list) else [wanted]
    meant = {Path(str(option)).resolve() for option in options if option is not None}
    spelt = [cell for cell in runs[key].dropna().unique() if Path(str(cell)).resolve() in meant]
    return [*options, *spelt]
