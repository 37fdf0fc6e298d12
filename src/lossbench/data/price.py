"""Prices of diamonds: an instance of `Table` on a file that a registry package brings."""

from __future__ import annotations

import functools
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, cache_folder, fetch
from lossbench.data.kept_files import written
from lossbench.data.table import Table
from lossbench.task import Target

if TYPE_CHECKING:
    from lossbench.data.columns import Columns

PLOTNINE = Archive(
    project="plotnine",
    version="0.15.9",
    file="plotnine-0.15.9-py3-none-any.whl",
    sha256="36f4526235b3ddd9ea379dd677093ea2ee1b58ab98adec1bde891930283448cd",
)
_MEMBER = "plotnine/data/diamonds.csv"
_LARGEST = 20.0  # millimetres; two diamonds of 58.9 and 31.8 are entry errors


@dataclass(frozen=True, kw_only=True)
class Price(Table):
    """53,772 diamonds with weight, cut, colour, clarity and sizes; what is predicted is the price in dollars.

    Prices go from 326 to 18,823.

    Of the 53,940 of ggplot2, 20 without a size, 2 whose size is an entry error and the repeats of others are
    left out.
    """

    path: str | None = knob(None, optional=True, place=True)
    target: str | None = knob("price", optional=True)

    credit = "diamonds of ggplot2 (Wickham), as plotnine 0.15.9 carries them"

    def __post_init__(self) -> None:
        if self.path is None:
            object.__setattr__(self, "path", str(cache_folder() / f"diamonds-{PLOTNINE.sha256[:12]}.csv"))
        super().__post_init__()

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous"),)

    def columns(self) -> Columns:
        _clean(Path(str(self.path)))
        return super().columns()


@functools.cache
def _clean(place: Path) -> None:
    """Write the file, once."""
    if place.exists():
        return
    import pandas as pd

    with zipfile.ZipFile(fetch(PLOTNINE)) as wheel:
        table = pd.read_csv(io.BytesIO(wheel.read(_MEMBER)))
    sizes = table[["x", "y", "z"]]
    kept = table[(sizes > 0).all(axis=1) & (sizes < _LARGEST).all(axis=1)].drop_duplicates()
    with written(place) as whole:
        kept.to_csv(whole, index=False)
