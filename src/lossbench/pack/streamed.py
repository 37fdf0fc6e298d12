"""Members of a pack on streams: each lane reads its batches, and a batch serves all members of its lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from lossbench.data.module import PackData, evaluation_size, lanes_among, loader
from lossbench.data.source import DataSet, Description, Split
from lossbench.data.stream import Batch, Stream
from lossbench.lightning import LightningDataModule
from lossbench.pack.draws import Draws
from lossbench.task import Inputs, TargetKind
from lossbench.trees import Tree, length, mapped


@dataclass
class Lot:
    """The batches of all lanes at one step; `start` examples of the split came before.

    Lightning leaves it as it is: it knows no such class, and what is in it goes where members train later.
    """

    start: int
    batches: list[Batch]

    @property
    def size(self) -> int:
        """B."""
        return length(self.batches[0].inputs)

    def inputs(self, device: torch.device) -> Tree:
        """(L, B, *shape)."""
        return mapped(lambda *parts: torch.stack(parts).to(device), *(one.inputs for one in self.batches))

    def without_inputs(self) -> Lot:
        """The same to be kept."""
        return Lot(self.start, [one._replace(inputs=()) for one in self.batches])

    def targets(self) -> dict[TargetKind, Tensor]:
        """By kind, (L, B, ...)."""
        parts = [one.targets for one in self.batches]
        return {kind: torch.stack([part[kind] for part in parts]) for kind in parts[0]}


class StreamData(LightningDataModule):
    """As `PackData`, of R streams in L lanes.

    Raises:
        ValueError: two streams differ in their sizes, so that they cannot share steps.
    """

    def __init__(self, streams: Sequence[Stream], seeds: Sequence[int], batch_size: int) -> None:
        super().__init__()
        self.lane, first = lanes_among(streams, seeds)
        self.lanes = [streams[member] for member in first]
        self.lane_seeds = [seeds[member] for member in first]
        self.batch_size = batch_size
        self.draws = Draws(self.lane_seeds, torch.device("cpu"))
        if any(one.description.sizes != self.description.sizes for one in self.lanes):
            raise ValueError("the streams of a pack differ in their sizes, which their config must fix")

    @property
    def description(self) -> Description:
        """Of the first lane; the others differ in the fingerprint at most."""
        return self.lanes[0].description

    def size(self, split: Split) -> int:
        """Number of examples of each lane."""
        return self.description.sizes[split]

    def train_dataloader(self) -> DataLoader[Lot]:
        """The batches of an epoch; the last may be smaller."""
        return loader(_Lots(self._epoch, -(-self.size("train") // self.batch_size)))

    def val_dataloader(self) -> DataLoader[Lot]:
        """Parts of the split, small enough to be evaluated for all members at once."""
        return self._whole("val")

    def test_dataloader(self) -> DataLoader[Lot]:
        """As `val_dataloader`, of the test split."""
        return self._whole("test")

    def _whole(self, split: Split) -> DataLoader[Lot]:
        steps = -(-self.size(split) // evaluation_size(_numbers(self.description.inputs)))
        return loader(_Lots(lambda: self.chunks(split), steps))

    def chunks(self, split: Split) -> Iterator[Lot]:
        """The parts of an evaluation, the same for any number of members."""
        size = evaluation_size(_numbers(self.description.inputs))
        return self._lots(split, 0, size, lambda stream, seed: stream.evaluate(split, size))

    def _epoch(self) -> Iterator[Lot]:
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        size = self.batch_size
        return self._lots("train", epoch + 1, size, lambda stream, seed: stream.train(seed, epoch, size))

    def _lots(
        self, split: Split, epoch: int, size: int, begin: Callable[[Stream, int], Iterable[Batch]]
    ) -> Iterator[Lot]:
        """What the lanes read, side by side; `epoch` is 0 for an evaluation.

        Raises:
            ValueError: a stream gives more or fewer examples than it was asked for.
        """
        readers: list[Iterator[Batch] | None] = [None] * len(self.lanes)

        def read(lane: int, number: int) -> Batch | None:
            # Random numbers that are drawn in there are the same whoever else reads.
            with self.draws.evaluation(lane, ("stream", split, epoch, number)):
                reader = readers[lane] = readers[lane] or iter(begin(self.lanes[lane], self.lane_seeds[lane]))
                found = next(reader, None)
            return None if found is None else Batch.of(found)

        all_lanes, starts = range(len(readers)), range(0, self.size(split), size)
        for number, start in enumerate(starts):
            batches = [self._checked(read(lane, number), split, start, size) for lane in all_lanes]
            if epoch == 0 and number == len(starts) - 1:  # only training may be endless
                for lane in all_lanes:
                    self._checked(read(lane, number + 1), split, self.size(split), size)
            yield Lot(start, batches)

    def _checked(self, batch: Batch | None, split: Split, start: int, size: int) -> Batch:
        """A batch, where it holds what was asked for: nothing behind the end of a split."""
        wanted = min(size, self.size(split) - start)
        got = 0 if batch is None else length(batch.inputs)
        if got != wanted:
            raise ValueError(
                f"data={self.description.name}: after {start} examples of {split} the next batch holds "
                f"{got}, {wanted} were asked for (its description says {self.size(split)} in all)"
            )
        return batch or Batch((), {})


class _Lots(IterableDataset[Lot]):
    def __init__(self, begin: Callable[[], Iterator[Lot]], steps: int) -> None:
        self.begin, self.steps = begin, steps

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Lot]:
        # A generator, so that the epoch is asked for with the first batch, as in `PackData`.
        yield from self.begin()


def _numbers(inputs: Inputs) -> int:
    """How many numbers an example has."""
    if inputs.parts:
        return sum(map(_numbers, inputs.parts.values()))
    return torch.Size(inputs.shape).numel()


def pack_data(
    datasets: Sequence[DataSet | Stream], seeds: Sequence[int], batch_size: int
) -> PackData | StreamData:
    """The data of a pack, in memory or read."""
    held = [data for data in datasets if isinstance(data, DataSet)]
    if held:
        return PackData(held, seeds, batch_size)
    return StreamData([data for data in datasets if isinstance(data, Stream)], seeds, batch_size)
