"""Data sets that were loaded, apart from Lightning, whose import takes seconds."""

from __future__ import annotations

from lossbench.data.contract import check_data, check_same
from lossbench.data.sample import sample_of
from lossbench.data.source import DataSet, DataSource
from lossbench.data.stream import Stream
from lossbench.task import InputKind


class DataCache:
    """Data sets that were loaded: packs with the same data and seeds load and split them once."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[DataSource, int, InputKind], DataSet | Stream] = {}
        self._samples: dict[tuple[DataSource, int, InputKind, int], DataSet] = {}

    def load(self, source: DataSource, seed: int, reads: InputKind) -> DataSet | Stream:
        """As `source.load`, at the first call, and checked; of a stream its sample is.

        Raises:
            InputError: also where what was loaded breaks the contract of a data set.
        """
        key = (source, seed, reads)
        if key not in self._loaded:
            data = source.load(seed, reads)
            if not isinstance(data, Stream):
                data = check_data(source, data)
                if type(source).fingerprint is DataSource.fingerprint and reads == source.reads[0]:
                    check_same(source, seed, data)
            self._loaded[key] = data
        return self._loaded[key]

    def sample(self, source: DataSource, seed: int, reads: InputKind, batch: int) -> DataSet:
        """What tells how a model and a loss get on with the data: a data set as it is, of a stream a part.

        Args:
            batch: as many training examples at least, as far as there are so many.

        Raises:
            InputError: as `load`.
        """
        data = self.load(source, seed, reads)
        if isinstance(data, DataSet):
            return data
        key = (source, seed, reads, batch)
        if key not in self._samples:
            self._samples[key] = sample_of(source, data, seed, batch)
        return self._samples[key]
