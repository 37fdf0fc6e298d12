"""The data of a pack: the splits of each lane over one pool of inputs, and the order of its batches.

A lane is a distinct (data set, seed) among the members of a pack. Members of one lane differ in loss, rate or
other knobs that change no data, so what they read exists once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from lossbench.data.batches import EVALUATED_AT_ONCE, order
from lossbench.data.source import SPLITS, DataSet, Description, Examples, Split
from lossbench.lightning import LightningDataModule
from lossbench.trees import Tree, leaves, length, mapped

# Numbers of input that one evaluation step gathers for the members of a wide pack. What a model makes of
# them may be a hundred times as large (words become vectors), so this keeps a step at some 100 MB.
_CHUNK_NUMBERS = 500_000
_WIDE = 128


class PackData(LightningDataModule):
    """Joins the data sets of R members in L lanes; batches are positions, the inputs stay where they are.

    Attributes:
        datasets: the R data sets.
        lane: (R,) the lane of each member.
        lanes, lane_seeds: the data set and the seed of each lane.
        pool: (M, *input_shape), or a dict of such, the distinct inputs of all lanes; lanes that share inputs
            share rows.
        rows: split -> (L, N) rows of the pool.

    Raises:
        ValueError: the splits of two members differ in size, so that they cannot share batches.
    """

    def __init__(self, datasets: Sequence[DataSet], seeds: Sequence[int], batch_size: int) -> None:
        super().__init__()
        self.datasets = list(datasets)
        self.lane, first = lanes_among(self.datasets, seeds)
        self.lanes = [self.datasets[member] for member in first]
        self.lane_seeds = [seeds[member] for member in first]
        self.batch_size = batch_size
        self.pool, offsets = _join_inputs(self.lanes)
        self.rows: dict[Split, Tensor] = {
            split: self._stack(split, lambda examples: examples.rows) + offsets.unsqueeze(1)
            for split in SPLITS
        }

    @property
    def description(self) -> Description:
        """Of the first member; the others differ in the fingerprint at most."""
        return self.datasets[0].description

    def size(self, split: Split) -> int:
        """Number of examples of each lane."""
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

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Batches of positions (L, B); the last of an epoch may be smaller."""
        return loader(_Batches(self))

    def val_dataloader(self) -> DataLoader[slice]:
        """Ranges of positions, small enough to be evaluated for all members at once."""
        return self._ranges("val")

    def test_dataloader(self) -> DataLoader[slice]:
        """As `val_dataloader`, of the test split."""
        return self._ranges("test")

    def chunks(self, split: Split) -> list[slice]:
        """The places of an evaluation's parts, the same for any number of members."""
        step = evaluation_size(sum(leaf[0].numel() for leaf in leaves(self.pool)))
        size = self.size(split)
        return [slice(start, min(start + step, size)) for start in range(0, size, step)]

    def _ranges(self, split: Split) -> DataLoader[slice]:
        return loader(self.chunks(split))


class _Batches(IterableDataset[Tensor]):
    def __init__(self, data: PackData) -> None:
        self.data = data

    def __len__(self) -> int:
        return -(-self.data.size("train") // self.data.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        # A generator, so that the epoch is asked for with the first batch: Lightning makes the iterator of
        # the first epoch after a checkpoint before it has set the epoch.
        trainer = self.data.trainer
        order = self.data.order(trainer.current_epoch if trainer is not None else 0)
        yield from torch.split(order, self.data.batch_size, dim=1)


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


def loader(batches: Any) -> DataLoader[Any]:
    # With a generator of its own a loader draws nothing from torch's global one.
    return DataLoader(batches, batch_size=None, generator=torch.Generator())


def _join_inputs(datasets: Sequence[DataSet]) -> tuple[Tree, Tensor]:
    """The distinct inputs one after another, and where those of each lane begin (L,)."""
    distinct: dict[int, Tree] = {id(data.inputs): data.inputs for data in datasets}
    offsets, total = {}, 0
    for key, inputs in distinct.items():
        offsets[key] = total
        total += length(inputs)
    parts = list(distinct.values())
    pool = parts[0] if len(parts) == 1 else mapped(lambda *tensors: torch.cat(tensors), *parts)
    return pool, torch.tensor([offsets[id(data.inputs)] for data in datasets])
