"""Images of test examples, made again from the data of a run: MLflow does not hold them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from lossbench.config.making import make
from lossbench.data.source import DataSet, DataSource
from lossbench.data.stream import Stream
from lossbench.job import KINDS
from lossbench.tracking.address import parse
from lossbench.tracking.reader import reading
from lossbench.tracking.runs import CONFIG, FINGERPRINT
from lossbench.verdicts.conditions import SEED

if TYPE_CHECKING:
    from numpy.typing import NDArray

Images = Callable[["NDArray[np.int64]"], Any]
"""From places (n,) among the test examples to images (n, height, width), or (n, height, width, 3) in colour,
in 0..1."""

_ENDS = (1.0, 99.0)  # percentiles of pixels that become black and white


def pictures(uri: str, run: pd.Series[Any]) -> Images | None:
    """The test images of a run, in the order of its predictions.

    None where the data has no images, or is no longer what it was: other images would be worse than none.

    Raises:
        InputError: files are missing, or cannot be fetched.
    """
    source = source_of(uri, run)
    if source is None:
        return None
    loaded = source.load(int(run[SEED]), "image")
    data = loaded.whole if isinstance(loaded, Stream) else loaded
    return _of(data) if isinstance(data, DataSet) else None


def source_of(uri: str, run: pd.Series[Any]) -> DataSource | None:
    """The data of a run, made again; None where it has no images, or is no longer what it was.

    Raises:
        InputError: files are missing, or cannot be fetched.
    """
    with reading(parse(uri)) as records:
        record = records.run(str(run["run_id"]))
    config = json.loads(record.tags.get(CONFIG, "null")) if record else None
    if not isinstance(config, dict):
        return None
    source = cast(DataSource, make("data", KINDS["data"], config["data"]))
    same = "image" in source.reads and source.fingerprint(int(run[SEED])) == run.get(FINGERPRINT)
    return source if same else None


def _of(data: DataSet) -> Images:
    def images(places: NDArray[np.int64]) -> Any:
        pixels = np.asarray(data.read(data.inputs[data.test.rows[places]]), dtype=float)
        pixels = pixels[:, : 3 if pixels.shape[1] >= 3 else 1]  # what stands behind colours is none
        low, high = np.percentile(pixels, _ENDS)
        shown = ((pixels - low) / ((high - low) or 1.0)).clip(0, 1)
        return np.moveaxis(shown, 1, -1) if shown.shape[1] == 3 else shown[:, 0]

    return images
