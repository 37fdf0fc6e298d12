"""A frame or arrays become a file, which a sweep reads and from which its runs can be trained again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from lossbench.errors import InputError

FOLDER = Path("lossbench-data")


def named_data(data: Any, target: str | None) -> dict[str, str]:
    """What the command line says of data: its name, or the file that a frame has become.

    Args:
        data: the name of a data set; a pandas DataFrame; or (inputs, targets), arrays of (N, F) and (N,).
        target: of a frame the column to predict.

    Raises:
        InputError: a target is missing or not there, or arrays do not fit each other.
    """
    if isinstance(data, str):
        return {"data": data} | ({} if target is None else {"data.target": target})
    frame, target = _frame(data, target)
    content = frame.to_parquet(index=False)
    place = FOLDER / f"{hashlib.sha256(content).hexdigest()[:12]}.parquet"  # the same data, the same runs
    if not place.exists():
        FOLDER.mkdir(exist_ok=True)
        place.write_bytes(content)
    return {"data": "table", "data.path": str(place), "data.target": target}


def _frame(data: Any, target: str | None) -> tuple[Any, str]:
    import numpy as np
    import pandas as pd

    if isinstance(data, tuple) and len(data) == 2:
        inputs, targets = (np.asarray(part) for part in data)
        if inputs.ndim != 2 or targets.shape != inputs.shape[:1]:
            raise InputError(
                f"data=(inputs, targets) has shapes {inputs.shape} and {targets.shape}: "
                "give it (N, F) and (N,), a row for each target."
            )
        target = target or "target"
        return pd.DataFrame(inputs, columns=[f"x{i}" for i in range(inputs.shape[1])]).assign(
            **{target: targets}
        ), target
    if not isinstance(data, pd.DataFrame):
        raise InputError(
            f"data is a {type(data).__name__}: give it the name of a data set, a DataFrame, or (inputs, "
            "targets)."
        )
    frame = data.rename(columns=str)
    if target is None:
        raise InputError("A DataFrame needs the column to predict: target='price'.")
    if target not in frame.columns:
        raise InputError(f"The frame has no column {target!r}; it has {', '.join(frame.columns[:20])}.")
    return frame, target
