"""Data sets that were loaded, apart from Lightning, whose import takes seconds."""

from __future__ import annotations

from lossbench.data.contract import check_data, check_same
from lossbench.data.source import DataSet, DataSource
from lossbench.task import InputKind


class DataCache:
    """Data sets that were loaded: packs with the same data and seeds load and split them once."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[DataSource, int, InputKind], DataSet] = {}

    def load(self, source: DataSource, seed: int, reads: InputKind) -> DataSet:
        """As `source.load`, at the first call, and checked.

        Raises:
            InputError: also where what was loaded breaks the contract of a data set.
        """
        key = (source, seed, reads)
        if key not in self._loaded:
            data = source.load(seed, reads)
            check_data(source, data)
            if type(source).fingerprint is DataSource.fingerprint and reads == source.reads[0]:
                check_same(source, seed, data)
            self._loaded[key] = data
        return self._loaded[key]
