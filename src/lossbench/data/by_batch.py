"""A data set whose inputs lie in a file, read batch by batch: memory need not hold it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.data.batches import order
from lossbench.data.source import DataSet, Split
from lossbench.data.stream import Batch, Stream
from lossbench.seeds import torch_generator
from lossbench.trees import mapped

if TYPE_CHECKING:
    from torch import Tensor


def by_batch(data: DataSet, workers: int = 0, *, ahead: bool = False) -> Stream:
    """A stream of the same numbers, to the bit.

    Args:
        data: its inputs are mapped from a file.
        workers: processes that read ahead, for each seed that trains; 0 reads in the training process.
        ahead: without workers, a thread makes the next batch while this one trains. Only for data that draws
            from the generator that it is given alone: those of the process are the training's.
    """

    import torch

    def train(seed: int, epoch: int, size: int) -> Iterator[Batch]:
        places = torch.split(order(len(data.train), seed, epoch), size)
        return _read(_Batches(data, "train", places, (seed, epoch * len(places))), workers, ahead)

    def evaluate(split: Split, size: int) -> Iterator[Batch]:
        places = torch.split(torch.arange(len(getattr(data, split))), size)
        return _read(_Batches(data, split, places), workers, ahead)

    return Stream(data.description, train, evaluate, data.units, data.shared, whole=data)


def _read(batches: _Batches, workers: int, ahead: bool) -> Iterator[Batch]:
    import torch
    from torch.utils.data import DataLoader

    if ahead and workers == 0:
        yield from _ahead(batches)
        return
    # With a generator of its own a loader draws nothing from torch's global one.
    loader: DataLoader[Any] = DataLoader(
        batches,  # type: ignore[arg-type]  # a Dataset needs no more than it has
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator(),
    )
    for given in loader:
        yield Batch(*given)


def _ahead(batches: _Batches) -> Iterator[Batch]:
    """Each batch, while a thread makes the one behind it; most of that is torch's work, which runs beside."""
    import torch

    with ThreadPoolExecutor(1, "reads-ahead", torch.set_num_threads, (1,)) as reader:
        coming = reader.submit(batches.__getitem__, 0)
        for number in range(1, len(batches) + 1):
            given = coming.result()
            if number < len(batches):
                coming = reader.submit(batches.__getitem__, number)
            yield Batch.of(given)


@dataclass(frozen=True)
class _Batches:
    """A map-style Dataset whose items are batches of a split.

    places: of the examples of each batch in the split.
    fresh: the seed and the number of updates before the first batch, of training.
    """

    data: DataSet
    split: Split
    places: tuple[Tensor, ...]
    fresh: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> tuple[object, ...]:
        data, places = self.data, self.places[number]
        part = getattr(data, self.split)
        rows = part.rows[places]
        inputs = data.read(mapped(lambda kept: kept[rows], data.inputs))
        targets = {kind: values[places] for kind, values in part.targets.items()}
        if self.fresh is not None and data.fresh is not None:
            seed, before = self.fresh
            inputs, targets = data.fresh(inputs, targets, torch_generator(seed, "fresh", before + number))
        ids = rows if part.ids is None else part.ids[places]
        return inputs, targets, ids, None if part.groups is None else part.groups[places]
