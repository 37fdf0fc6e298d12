"""Data sets that were loaded, apart from Lightning, whose import takes seconds."""

from __future__ import annotations

from lossbench.data.source import DataSet, DataSource
from lossbench.task import InputKind


class DataCache:
    """Data sets that were loaded: packs with the same data and seeds load and split them once."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[DataSource, int, InputKind], DataSet] = {}

    def load(self, source: DataSource, seed: int, reads: InputKind) -> DataSet:
        """As `source.load`, at the first call."""
        key = (source, seed, reads)
        if key not in self._loaded:
            self._loaded[key] = source.load(seed, reads)
        return self._loaded[key]
