"""The training points behind a fitted curve, made again from the run's params: MLflow does not hold them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd


def training_points(run: pd.Series[Any]) -> tuple[Any, Any] | None:
    """Inputs and targets (N,) of a synthetic run's training set.

    Args:
        run: a row of the tidy frame.

    Returns:
        None unless the data is `outliers` in one dimension and has the fingerprint that the run recorded:
        points of other data would be worse than none.
    """
    from lossbench.data.outliers import Outliers

    if run.get("data.name") != "outliers" or run.get("data.curve") != "sine":
        return None
    given: dict[str, Any] = {}
    for knob in fields(Outliers):
        value = run.get(f"data.{knob.name}")
        if value is not None and not pd.isna(value):
            given[knob.name] = int(value) if knob.name.endswith("_size") else value
    source, seed = Outliers(**given), int(run["seed"])
    if source.fingerprint(seed) != run.get("lossbench.fingerprint"):
        return None
    data = source.load(seed, "vector")
    inputs = data.inputs[data.train.rows].numpy()
    return np.asarray(inputs).ravel(), data.train.targets["continuous"].numpy()
