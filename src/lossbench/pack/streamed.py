"""Members of a pack on streams: each lane reads its batches, and a batch serves all members of its lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lossbench.data.cache import DataCache
from lossbench.data.module import LaneData, PackData, evaluation_size
from lossbench.data.source import DataSet, Split
from lossbench.data.stream import Batch, Stream
from lossbench.job import Member
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


class StreamData(LaneData):
    """As `PackData`, of streams.

    Raises:
        ValueError: two streams differ in their sizes, so that they cannot share steps.
    """

    def __init__(self, streams: Sequence[Stream], seeds: Sequence[int], batch_size: int) -> None:
        super().__init__(streams, seeds, batch_size)
        self.draws = Draws(self.lane_seeds, torch.device("cpu"))
        if any(one.description.sizes != self.description.sizes for one in self.lanes):
            raise ValueError("the streams of a pack differ in their sizes, which their config must fix")

    def size(self, split: Split) -> int:
        return self.description.sizes[split]

    @property
    def chunk(self) -> int:
        return evaluation_size(_numbers(self.description.inputs))

    def chunks(self, split: Split) -> Iterator[Lot]:
        size = self.chunk
        return self._lots(split, 0, size, lambda stream, seed: stream.evaluate(split, size))

    def batches(self, epoch: int) -> Iterator[Lot]:
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
        if batch and (fault := batch.not_finite()):
            raise ValueError(
                f"data={self.description.name}: in the batch after {start} examples of {split}, {fault}: "
                "fill them in, or leave these examples out"
            )
        return batch or Batch((), {})


def _numbers(inputs: Inputs) -> int:
    """How many numbers an example has."""
    if inputs.parts:
        return sum(map(_numbers, inputs.parts.values()))
    return torch.Size(inputs.shape).numel()


def pack_data(members: Sequence[Member], cache: DataCache) -> LaneData:
    """The data of a pack, in memory or read.

    Raises:
        InputError: it cannot be loaded.
    """
    datasets = [
        cache.load(member.source, member.seed, member.reads, member.model.preparing) for member in members
    ]
    kind: type[LaneData] = PackData if isinstance(datasets[0], DataSet) else StreamData
    return kind(datasets, [member.seed for member in members], members[0].trainer.batch_size)
