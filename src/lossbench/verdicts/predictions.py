"""Test predictions of runs, read one run at a time: all of a large sweep would fill the memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbench.tracking import read_artifact
from lossbench.tracking.frames import artifact_files
from lossbench.tracking.runs import ARTIFACTS

if TYPE_CHECKING:
    import pandas as pd

FILE = "predictions.npz"
Arrays = Mapping[str, Any]
"""One run's arrays by name: value, scores, probabilities, embedding, inputs, target_<kind>, example_id,
group_id."""
Reader = Callable[[str], Arrays | None]
"""The arrays of a run by its id; None where it kept none, or none that can be read."""


def keeping(runs: pd.DataFrame) -> list[str]:
    """Ids of the runs that say that they kept predictions."""
    names = runs[ARTIFACTS] if ARTIFACTS in runs else ("",) * len(runs)
    told = zip(runs["run_id"], names, strict=True)
    return [str(run) for run, own in told if isinstance(own, str) and FILE in own.split(",")]


def reader(uri: str, runs: pd.DataFrame, needs: Collection[str] | None = None) -> Reader:
    """Reads what runs kept, as `tracking.read_runs` tells it, from a tracking address.

    Args:
        needs: names of the arrays to unpack, beside those of the targets; None: all.
    """
    kept = frozenset(keeping(runs))

    @cache
    def files() -> dict[str, Path]:
        return artifact_files(uri, sorted(kept), FILE)  # asks the database once for all

    def read(run: str) -> Arrays | None:
        if run not in kept:
            return None
        try:
            own = files().get(run)
            content = own.read_bytes() if own else read_artifact(uri, run, FILE)
            if content is None:
                return None
            with np.load(io.BytesIO(content)) as arrays:
                return {
                    name: arrays[name]
                    for name in arrays.files
                    if needs is None or name in needs or name.startswith("target_")
                }
        except (OSError, ValueError, zipfile.BadZipFile):
            return None  # a cut or foreign file: seeds alone speak, and the report says so

    return read
