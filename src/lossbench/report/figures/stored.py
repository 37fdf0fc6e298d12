"""Test predictions of chosen runs, as `tracking.predictions=true` stored them."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from lossbench.counting import counted
from lossbench.data.labels import names_of_text
from lossbench.report.figures.looks import ordered
from lossbench.task import WEIGHT
from lossbench.tracking.frames import artifact_files
from lossbench.tracking.runs import CLASSES
from lossbench.verdicts.conditions import LOSS, SEED
from lossbench.verdicts.predictions import FILE, Arrays, keeping, reader

Runs = Mapping[str, Sequence[Arrays]]
"""The runs of each loss."""


def of_losses(
    uri: str,
    rows: pd.DataFrame,
    needs: Collection[str],
    seeds: int | None = None,
    also: Collection[str] = (),
    *,
    whole: bool = False,
) -> Runs:
    """The arrays needed of the runs of one condition, with those of their targets, loss by loss.

    Of each loss so many runs, in the order of seeds, of those that kept all the arrays; None: all. What they
    kept of `also` stands beside these, and the names of classes, where a run carries some, as names_<kind>.
    Places of examples stand in a row, unless examples are to be whole.
    """
    finished = rows[rows["outcome"] == "finished"].sort_values(SEED)
    read = reader(uri, finished, {*needs, *also})
    told = finished.get(CLASSES, pd.Series("", index=finished.index))
    names = dict(zip(finished["run_id"], map(names_of_text, told), strict=True))

    def needed(run: str) -> Arrays | None:
        arrays = read(run) or {}
        if not set(needs) <= arrays.keys():
            return None
        return {
            **(arrays if whole else in_a_row(arrays)),
            **{f"names_{kind}": np.array(of) for kind, of in names[run].items()},
        }

    found = {}
    for loss in ordered(finished[LOSS]):
        kept = map(needed, finished.loc[finished[LOSS] == loss, "run_id"])
        if arrays := list(islice((one for one in kept if one is not None), seeds)):
            found[loss] = arrays
    return found


def in_a_row(arrays: Arrays) -> Arrays:
    """Places of examples (steps, tokens) one after another, without what weighs nothing."""
    target = labels(arrays)
    target = arrays.get("target_continuous") if target is None else target
    weight = arrays.get(f"target_{WEIGHT}")
    if target is None or (target.ndim == 1 and weight is None):
        return arrays
    places = target.shape
    counts = np.ones(places, dtype=bool)
    if weight is not None:
        counts &= weight[(..., *(None,) * (target.ndim - weight.ndim))] > 0
    return {name: own[counts] if own.shape[: len(places)] == places else own for name, own in arrays.items()}


def unread(uri: str, rows: pd.DataFrame) -> str | None:
    """A remark on predictions that were stored with runs and cannot be read; None where all can."""
    files = artifact_files(uri, keeping(rows), FILE)
    lost = [file for file in files.values() if not zipfile.is_zipfile(file)]
    if not lost:
        return None
    runs = f"{counted(len(lost), 'run')} {'was' if len(lost) == 1 else 'were'}"
    return (
        f"{runs} recorded with predictions that cannot be read, so the figures are without them: "
        f"{lost[0]}. Where the folder mlruns was left behind, put it beside its database."
    )


def labels(arrays: Arrays) -> Any:
    """The class of each test example, int64: the first target of whole numbers; None where there is none."""
    kind = _class_kind(arrays)
    return None if kind is None else np.asarray(arrays[f"target_{kind}"])


def class_names(arrays: Arrays) -> tuple[str, ...] | None:
    """What the classes are called where they have names, or where a number alone would hide it: the two sides
    of a binary target. None: by their numbers."""
    if (own := arrays.get(f"names_{_class_kind(arrays)}")) is not None:
        return tuple(str(name).replace("$", r"\$") for name in own)  # matplotlib reads $...$ as formulas
    binary = "target_binary" in arrays and "target_multiclass" not in arrays
    return ("negative", "positive") if binary else None


def _class_kind(arrays: Arrays) -> str | None:
    """Of the target that `labels` gives."""
    known = {name: np.asarray(own) for name, own in arrays.items() if name.startswith("target_")}
    whole = (name for name, own in known.items() if np.issubdtype(own.dtype, np.integer))
    return next((name.removeprefix("target_") for name in whole), None)
