"""The data of a pack: the splits of each lane over one pool of inputs, and the order of its batches.

A lane is a distinct (data set, seed) among the members of a pack. Members of one lane differ in loss, rate or
other knobs that change no data, so what they read exists once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from lossbench.data.batches import EVALUATED_AT_ONCE, order
from lossbench.data.pool import Pool
from lossbench.data.source import SPLITS, DataSet, Description, Examples, Split
from lossbench.lightning import LightningDataModule
from lossbench.trees import numbers_in, part

# Numbers of input that one evaluation step gathers for the members of a wide pack. What a model makes of
# them may be a hundred times as large (words become vectors), so this keeps a step at some 100 MB.
_CHUNK_NUMBERS = 500_000
_WIDE = 128


class LaneData(LightningDataModule):
    """The data of R members in L lanes.

    Attributes:
        lane: (R,) the lane of each member.
        lanes, lane_seeds: the data and the seed of each lane.
        at_once: batches of training that Lightning hands over in one of its steps.
    """

    def __init__(self, datasets: Sequence[Any], seeds: Sequence[int], batch_size: int) -> None:
        super().__init__()
        self.lane, first = lanes_among(datasets, seeds)
        self.lanes = [datasets[member] for member in first]
        self.lane_seeds = [seeds[member] for member in first]
        self.batch_size = batch_size
        self.at_once = 1

    @property
    def description(self) -> Description:
        """Of the first lane; the others differ in the fingerprint and in `Inputs.past` at most."""
        description: Description = self.lanes[0].description
        return description

    @abstractmethod
    def size(self, split: Split) -> int:
        """Number of examples of each lane."""

    @abstractmethod
    def batches(self, epoch: int) -> Iterable[Any]:
        """Of an epoch (from 0) of training; the last may be smaller."""

    @abstractmethod
    def chunks(self, split: Split) -> Iterable[Any]:
        """The parts of an evaluation, the same for any number of members, small enough for all at once."""

    @property
    @abstractmethod
    def chunk(self) -> int:
        """Examples of such a part."""

    @property
    def updates_per_epoch(self) -> int:
        """Batches of an epoch of training."""
        return -(-self.size("train") // self.batch_size)

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches of the trainer's epoch, `at_once` in a tuple; the last may have fewer."""
        return self._loader(-(-self.updates_per_epoch // self.at_once), self._together)

    def _together(self) -> Iterator[tuple[Any, ...]]:
        batches = iter(self._epoch())
        while together := tuple(islice(batches, self.at_once)):
            yield together

    def _epoch(self) -> Iterable[Any]:
        return self.batches(self.trainer.current_epoch if self.trainer is not None else 0)

    def val_dataloader(self) -> DataLoader[Any]:
        """The parts of the validation split."""
        return self._loader(-(-self.size("val") // self.chunk), lambda: self.chunks("val"))

    def test_dataloader(self) -> DataLoader[Any]:
        """The parts of the test split."""
        return self._loader(-(-self.size("test") // self.chunk), lambda: self.chunks("test"))

    def _loader(self, count: int, begin: Callable[[], Iterable[Any]]) -> DataLoader[Any]:
        steps = _Steps(begin, count)
        # With a generator of its own a loader draws nothing from torch's global one.
        return DataLoader(steps, batch_size=None, generator=torch.Generator())


class _Steps(IterableDataset[Any]):
    def __init__(self, begin: Callable[[], Iterable[Any]], count: int) -> None:
        self.begin, self.count = begin, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        # A generator, so that the epoch is asked for with the first batch: Lightning makes the iterator of
        # the first epoch after a checkpoint before it has set the epoch.
        yield from self.begin()


class PackData(LaneData):
    """Joins the data sets of members; batches are positions, the inputs stay where they are.

    Attributes:
        pool: the inputs of all lanes.
        rows: split -> (L, N) rows of each lane's inputs.

    Raises:
        ValueError: the splits of two members differ in size, so that they cannot share batches.
    """

    def __init__(self, datasets: Sequence[DataSet], seeds: Sequence[int], batch_size: int) -> None:
        super().__init__(datasets, seeds, batch_size)
        self.pool = Pool([data.inputs for data in self.lanes])
        self.rows: dict[Split, Tensor] = {
            split: self._stack(split, lambda examples: examples.rows) for split in SPLITS
        }

    def size(self, split: Split) -> int:
        return self.rows[split].shape[1]

    def _stack(self, split: Split, part: Callable[[Examples], Tensor]) -> Tensor:
        parts = [part(getattr(data, split)) for data in self.lanes]
        if len({tensor.shape for tensor in parts}) > 1:
            raise ValueError(f"the {split} splits of a pack differ in size, which their config must fix")
        return torch.stack(parts)

    def order(self, epoch: int) -> Tensor:
        """(L, N) positions of the training split in the order of this epoch (from 0).

        It depends on the seed and the epoch alone, so members with one seed see the same batches.
        """
        size = self.size("train")
        shuffled = {seed: order(size, seed, epoch) for seed in dict.fromkeys(self.lane_seeds)}
        return torch.stack([shuffled[seed] for seed in self.lane_seeds])

    def batches(self, epoch: int) -> Iterable[Tensor]:
        """Positions (L, B)."""
        return torch.split(self.order(epoch), self.batch_size, dim=1)

    def chunks(self, split: Split) -> Iterable[slice]:
        """Their places."""
        size = self.size(split)
        return [slice(start, min(start + self.chunk, size)) for start in range(0, size, self.chunk)]

    @property
    def chunk(self) -> int:
        data = self.lanes[0]
        return evaluation_size(numbers_in(data.read(part(data.inputs, slice(1)))))


def lanes_among(datasets: Sequence[object], seeds: Sequence[int]) -> tuple[Tensor, list[int]]:
    """The lane (R,) of each member, and the first member of each lane."""
    keys = [(id(data), seed) for data, seed in zip(datasets, seeds, strict=True)]
    distinct = list(dict.fromkeys(keys))
    return torch.tensor([distinct.index(key) for key in keys]), [keys.index(key) for key in distinct]


def evaluation_size(numbers: int) -> int:
    """How many examples an evaluation step takes, of as many numbers of input each.

    It is the same for any number of members: the last bits of a product may depend on its rows (measured with
    MKL), and so do the random numbers that a model draws.
    """
    return max(EVALUATED_AT_ONCE, _CHUNK_NUMBERS // (_WIDE * max(numbers, 1)))
