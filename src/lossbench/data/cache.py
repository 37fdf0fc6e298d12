"""Data sets that were loaded, apart from Lightning, whose import takes seconds."""

from __future__ import annotations

from typing import Protocol

from lossbench.data.contract import check_data, check_same
from lossbench.data.sample import sample_of
from lossbench.data.source import DataSet, DataSource
from lossbench.data.stream import Stream
from lossbench.task import InputKind


class Preparing(Protocol):
    """Makes of data what its module reads, the same of the same; hashable, equal where it does the same."""

    def prepared(self, data: DataSet | Stream) -> DataSet | Stream:
        """What it reads."""


class DataCache:
    """Data sets that were loaded: packs with the same data and seeds load and split them once."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[DataSource, int, InputKind], DataSet | Stream] = {}
        self._prepared: dict[tuple[DataSource, int, InputKind, Preparing], DataSet | Stream] = {}
        self._samples: dict[tuple[DataSource, int, InputKind, Preparing | None, int], DataSet] = {}

    def load(
        self, source: DataSource, seed: int, reads: InputKind, model: Preparing | None = None
    ) -> DataSet | Stream:
        """As `source.load`, at the first call, and checked; of a stream its sample is.

        Args:
            model: what reads it, and may prepare it first.

        Raises:
            InputError: also where what was loaded breaks the contract of a data set.
        """
        if model is None:
            return self._load(source, seed, reads)
        key = (source, seed, reads, model)
        if key not in self._prepared:
            self._prepared[key] = model.prepared(self._load(source, seed, reads))
        return self._prepared[key]

    def _load(self, source: DataSource, seed: int, reads: InputKind) -> DataSet | Stream:
        key = (source, seed, reads)
        if key not in self._loaded:
            data = source.load(seed, reads)
            if not isinstance(data, Stream):
                data = check_data(source, data)
                if type(source).fingerprint is DataSource.fingerprint and reads == source.reads[0]:
                    check_same(source, seed, data)
            self._loaded[key] = data
        return self._loaded[key]

    def sample(
        self,
        source: DataSource,
        seed: int,
        reads: InputKind,
        batch: int,
        model: Preparing | None = None,
    ) -> DataSet:
        """What tells how a model and a loss get on with the data: a data set as it is, of a stream a part.

        Args:
            batch: as many training examples at least, as far as there are so many.

        Raises:
            InputError: as `load`.
        """
        data = self.load(source, seed, reads, model)
        if isinstance(data, DataSet):
            return data
        sampled = (source, seed, reads, model, batch)
        if sampled not in self._samples:
            self._samples[sampled] = sample_of(source, data, seed, batch)
        return self._samples[sampled]
