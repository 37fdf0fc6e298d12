"""Test predictions of chosen runs, as `tracking.predictions=true` stored them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lossbench.report.conditions import LOSS, SEED
from lossbench.report.figures.style import ordered
from lossbench.tracking import read_artifact

FILE = "predictions.npz"
Arrays = Mapping[str, Any]
"""One run's arrays by name: value, scores, probabilities, embedding, inputs, target_<kind>."""


@dataclass
class Stored:
    """Reads each run's file at most once.

    uri: the tracking address.
    """

    uri: str
    _read: dict[str, Arrays | None] = field(default_factory=dict)

    def of_run(self, run_id: str) -> Arrays | None:
        """The arrays of a run; None where it stored none that can be read."""
        if run_id not in self._read:
            self._read[run_id] = self._load(run_id)
        return self._read[run_id]

    def _load(self, run_id: str) -> Arrays | None:
        try:
            content = read_artifact(self.uri, run_id, FILE)
            if content is None:
                return None
            with np.load(io.BytesIO(content)) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, zipfile.BadZipFile):
            return None  # a cut or foreign file is a figure less, not a report less

    def of_losses(self, rows: pd.DataFrame, needs: Sequence[str], seeds: int = 1) -> dict[str, list[Arrays]]:
        """The arrays of the first seeds of each loss that have all the arrays needed.

        Args:
            rows: runs of one condition, at the chosen rates.
            needs: names of arrays; `target_` means any kind of class target.
            seeds: how many runs per loss at most.
        """
        found: dict[str, list[Arrays]] = {}
        finished = rows[rows["outcome"] == "finished"]
        for loss in ordered(finished[LOSS]):
            own = finished[finished[LOSS] == loss].sort_values(SEED)["run_id"].head(seeds)
            arrays = [read for run_id in own if (read := self.of_run(str(run_id))) is not None]
            complete = [one for one in arrays if all(name in one for name in needs)]
            if complete:
                found[loss] = complete
        return found


def labels(arrays: Arrays) -> Any:
    """The class of each test example, (N,) int64; None where the targets are no classes."""
    for kind in ("multiclass", "binary", "identity"):
        if f"target_{kind}" in arrays:
            return np.asarray(arrays[f"target_{kind}"])
    return None
