"""Test predictions of chosen runs, as `tracking.predictions=true` stored them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from lossbench.counting import counted
from lossbench.report.figures.looks import ordered
from lossbench.task import WEIGHT
from lossbench.tracking import read_artifact
from lossbench.tracking.frames import artifact_files
from lossbench.tracking.runs import ARTIFACTS
from lossbench.verdicts.conditions import LOSS, SEED
from lossbench.verdicts.predictions import FILE
from lossbench.verdicts.predictions import Arrays as Arrays


@dataclass(frozen=True)
class Stored:
    """Reads the predictions of runs; keeps none of them, for all seeds of a large test set fill the memory.

    uri: the tracking address.
    """

    uri: str

    def of_run(self, run_id: str, needs: Sequence[str]) -> Arrays | None:
        """The arrays needed of a run, and its targets; None where one is missing or cannot be read."""
        try:
            content = read_artifact(self.uri, run_id, FILE)
            if content is None:
                return None
            with np.load(io.BytesIO(content)) as arrays:
                if not set(needs) <= set(arrays.files):
                    return None
                wanted = [name for name in arrays.files if name in needs or name.startswith("target_")]
                return in_a_row({name: arrays[name] for name in wanted})
        except (OSError, ValueError, zipfile.BadZipFile):
            return None  # a cut or foreign file is a figure less, not a report less

    def of_losses(
        self, rows: pd.DataFrame, needs: Sequence[str], seeds: int | None = None
    ) -> dict[str, list[Arrays]]:
        """The arrays of each loss's runs, by seed, that have all the arrays needed.

        Args:
            rows: runs of one condition, at the chosen rates.
            needs: names of arrays; those of the targets come with them.
            seeds: how many runs per loss at most; None: all.
        """
        found: dict[str, list[Arrays]] = {}
        finished = rows[rows["outcome"] == "finished"]
        for loss in ordered(finished[LOSS]):
            own = finished[finished[LOSS] == loss].sort_values(SEED)["run_id"]
            read = (self.of_run(str(run_id), needs) for run_id in own)
            if arrays := list(islice((one for one in read if one is not None), seeds)):
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
    """A remark on predictions that were stored with runs and cannot be read; None where all can.

    Args:
        uri: the tracking address.
        rows: runs, as `read_runs` gives them.
    """
    kept = rows[ARTIFACTS] if ARTIFACTS in rows else pd.Series(index=rows.index, dtype=str)
    stored = rows[[isinstance(names, str) and FILE in names.split(",") for names in kept]]
    files = artifact_files(uri, [str(run_id) for run_id in stored["run_id"]], FILE)
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
    targets = (np.asarray(own) for name, own in arrays.items() if name.startswith("target_"))
    return next((own for own in targets if np.issubdtype(own.dtype, np.integer)), None)


def class_names(arrays: Arrays) -> tuple[str, ...] | None:
    """What the classes are called, where a number alone would hide it: the two sides of a binary target."""
    binary = "target_binary" in arrays and "target_multiclass" not in arrays
    return ("negative", "positive") if binary else None
