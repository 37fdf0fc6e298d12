"""What the members of a pack read, held once for each lane: a distinct (data set, seed) among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lossbench.data.module import LaneData, PackData
from lossbench.data.source import SPLITS, DataSet, Split
from lossbench.job import Member
from lossbench.pack.batch import Batch
from lossbench.pack.noise import arguments, drawn, in_evaluation
from lossbench.pack.own_units import exactly
from lossbench.pack.streamed import Lot, StreamData
from lossbench.seeds import torch_generator
from lossbench.task import NUMBERS, WEIGHT, Noise, TargetKind, Units, seen
from lossbench.trees import Tree, leaves, mapped, part


class Lanes(ABC):
    """The data of L lanes where R members of a pack train.

    Attributes:
        exact: the device of metrics (`exact_device`).
        lane: (R,) the lane of each member.
        truth: split -> kind of target -> (L, N, ...) in the task's own units, for the metrics; continuous
            ones in float64; on the device for that. Asked for when the split has been evaluated.
        kinds: of all targets.
        units: shift and scale of those that losses read, that broadcast with (L, N, ...).
        seen: the same as losses see them, where members train.
        shared: name -> (L, ...), what is not per example.
    """

    def __init__(self, data: LaneData, members: Sequence[Member], device: torch.device) -> None:
        lanes, first = data.lanes, members[0]
        self.device, self.exact = device, exact_device(device)
        self.lane, self.seeds = data.lane.to(device), data.lane_seeds
        self._noise = first.model.noise(data.description.inputs)
        self._noise_evaluated = in_evaluation(self._noise)
        # Others are for metrics alone.
        self._losses_read = {WEIGHT, *(name for m in members for name in m.loss.called_with(m.target))}
        self._own = {name for m in members if m.loss.own_units for name in m.loss.called_with(m.target)}
        self._units = [one.units for one in lanes]
        self.units: dict[TargetKind, Units] = {}  # with a row for each lane
        self.truth: dict[Split, dict[TargetKind, Tensor]] = {split: {} for split in SPLITS}
        self.seen: dict[Split, dict[TargetKind, Tensor]] = {split: {} for split in SPLITS}
        self.kinds = {target.kind for target in lanes[0].description.targets}
        self.shared = {
            name: torch.stack([one.shared[name] for one in lanes]).to(device) for name in lanes[0].shared
        }

    @abstractmethod
    def batch(self, step_of_data: Any, step: int) -> Batch:
        """A training batch, of what the data gives for a step; `step` updates came before it."""

    @abstractmethod
    def evaluated(self, split: Split, part_of_split: Any) -> tuple[Tree, ...]:
        """What the modules of a lane are called with on a part of a split, each tensor (L, n, ...)."""

    @abstractmethod
    def numbers_of(self, lane: int) -> dict[str, Tensor]:
        """Of the test examples of a lane, (N,) int64: `example_id`, and `group_id` where they have groups."""

    def inputs_of(self, split: Split) -> Tensor | None:
        """The inputs of a split, (L, N, 1), where they are at hand and one number each."""
        return None

    def inputs_at(self, split: Split, places: Tensor) -> Tree:
        """The inputs of the examples at places (L, P) of a split, where they are at hand."""
        return None

    def read_apart(self, inputs: Tree, *moment: str | int) -> tuple[Tree, ...]:
        """What the module of each member is called with, of inputs (R, P, ...) of its own."""
        found = drawn(self._noise_evaluated, self.seeds, leaves(inputs)[0].shape[1], *moment).items()
        return arguments(inputs, {name: one.to(self.device)[self.lane] for name, one in found})

    def hold(self, split: Split, targets: Mapping[TargetKind, Tensor]) -> None:
        """Take in the targets of a split, (L, N, ...)."""
        self.truth[split] = {kind: self._exact(kind, values) for kind, values in targets.items()}
        self.seen[split] = self._as_seen(self.truth[split])

    def truth_of(self, split: Split, examples: slice) -> dict[TargetKind, Tensor]:
        """`truth` of the examples that were evaluated last."""
        return {kind: values[:, examples] for kind, values in self.truth[split].items()}

    def _exact(self, kind: TargetKind, values: Tensor) -> Tensor:
        values = values.to(self.exact)
        return values.double() if kind in NUMBERS else values

    def _units_for(self, kind: TargetKind, trailing: Sequence[int]) -> Units:
        def rows(parts: Sequence[float | Tensor]) -> Tensor:
            known = [torch.as_tensor(part, dtype=torch.float64, device=self.exact) for part in parts]
            return torch.stack([part.expand(1, *trailing) for part in known])

        units = [own[kind] for own in self._units]
        return Units(rows([one.shift for one in units]), rows([one.scale for one in units]), units[0].log)

    def _as_seen(self, targets: Mapping[TargetKind, Tensor]) -> dict[TargetKind, Tensor]:
        """Of targets (L, N, ...) those that losses read, as they see them, where members train."""
        found = {}
        for kind in self._losses_read & targets.keys():
            values = self._exact(kind, targets[kind])
            if kind in self._units[0] and kind not in self.units:
                self.units[kind] = self._units_for(kind, values.shape[2:])
            found[kind] = seen(values, self.units.get(kind)).to(self.device)
            if kind in self._own:  # in single precision where the device has no double
                found[exactly(kind)] = values if self.device == self.exact else found[kind].new_tensor(values)
        return found

    def _batch(self, inputs: Tree, targets: dict[TargetKind, Tensor], size: int, step: int) -> Batch:
        """Of inputs (L, B, ...) and targets (L, B, ...) as losses see them."""
        weight = targets.get(WEIGHT)
        counts = None if weight is None else weight.double().flatten(1).sum(1)[self.lane]
        read = self._read(self._noise, inputs, size, "train", step)
        return Batch(read, {**targets, **self.shared}, counts, size)

    def _read(
        self, wanted: Mapping[str, Noise], inputs: Tree, count: int, *moment: str | int
    ) -> tuple[Tree, ...]:
        found = drawn(wanted, self.seeds, count, *moment)
        return arguments(inputs, {name: tensor.to(self.device) for name, tensor in found.items()})


class HeldLanes(Lanes):
    """Of data sets in memory."""

    def __init__(self, data: PackData, members: Sequence[Member], device: torch.device) -> None:
        super().__init__(data, members, device)
        self.datasets: list[DataSet] = data.lanes
        self._of_lane = torch.arange(len(data.lanes), device=device).unsqueeze(1)
        self.pool = data.pool.to(device)
        self.rows = {split: rows.to(device) for split, rows in data.rows.items()}
        for split in SPLITS:
            parts = [getattr(one, split).targets for one in data.lanes]
            self.hold(split, {kind: torch.stack([part[kind] for part in parts]) for kind in parts[0]})

    def batch(self, positions: Tensor, step: int) -> Batch:
        """The batch at positions (L, B) of the training split; `step` updates came before it."""
        rows = self.rows["train"].gather(1, positions)
        if self.datasets[0].fresh is None:
            inputs = self._inputs(rows)
            targets = {kind: values[self._of_lane, positions] for kind, values in self.seen["train"].items()}
        else:
            inputs, targets = self._anew(rows, positions, step)
        for name in self._losses_read & self.datasets[0].of_batch.keys():
            made = [data.of_batch[name](part(inputs, lane)) for lane, data in enumerate(self.datasets)]
            targets[name] = torch.stack(made)
        return self._batch(inputs, targets, positions.shape[1], step)

    def _anew(self, rows: Tensor, positions: Tensor, step: int) -> tuple[Tree, dict[str, Tensor]]:
        """Each lane's batch as its data set makes it anew: (L, B, ...)."""
        made = []
        for number, data in enumerate(self.datasets):
            truth = self.truth["train"].items()
            targets = {kind: values[number, positions[number].to(values.device)] for kind, values in truth}
            assert data.fresh is not None, "data sets of one config agree"
            generator = torch_generator(self.seeds[number], "fresh", step)
            made.append(data.fresh(data.read(self.pool.of(number, rows[number])), targets, generator))
        stacked = {kind: torch.stack([truth[kind] for _, truth in made]) for kind in made[0][1]}
        return mapped(lambda *parts: torch.stack(parts), *(own for own, _ in made)), self._as_seen(stacked)

    def evaluated(self, split: Split, places: slice) -> tuple[Tree, ...]:
        """What the modules of a lane are called with on a range of a split, each tensor (L, n, ...)."""
        rows = self.rows[split][:, places]
        return self._read(self._noise_evaluated, self._inputs(rows), rows.shape[1], split, places.start)

    def inputs_of(self, split: Split) -> Tensor | None:
        return self._inputs(self.rows[split]) if self.pool.one_number else None

    def inputs_at(self, split: Split, places: Tensor) -> Tree:
        return self._inputs(self.rows[split].gather(1, places))

    def numbers_of(self, lane: int) -> dict[str, Tensor]:
        test = self.datasets[lane].test
        found = {"example_id": test.rows if test.ids is None else test.ids}
        return found if test.groups is None else found | {"group_id": test.groups}

    def _inputs(self, rows: Tensor) -> Tree:
        return self.datasets[0].read(self.pool.at(rows))


class StreamLanes(Lanes):
    """What members read of streams. Targets of a split are kept from its first evaluation on."""

    def __init__(self, data: StreamData, members: Sequence[Member], device: torch.device) -> None:
        super().__init__(data, members, device)
        self._sizes = data.description.sizes
        self._lots: dict[Split, list[Lot]] = {}

    def batch(self, lot: Lot, step: int) -> Batch:
        """The batch that the lanes have read; `step` updates came before it."""
        return self._batch(lot.inputs(self.device), self._as_seen(lot.targets()), lot.size, step)

    def evaluated(self, split: Split, lot: Lot) -> tuple[Tree, ...]:
        """What the modules of a lane are called with on a part of a split, each tensor (L, n, ...)."""
        if not self.truth[split]:
            self._keep(split, lot)
        return self._read(self._noise_evaluated, lot.inputs(self.device), lot.size, split, lot.start)

    def _keep(self, split: Split, lot: Lot) -> None:
        lots = self._lots[split] = [*([] if lot.start == 0 else self._lots[split]), lot.without_inputs()]
        if lot.start + lot.size == self._sizes[split]:
            parts = [one.targets() for one in lots]
            self.hold(split, {kind: torch.cat([part[kind] for part in parts], dim=1) for kind in parts[0]})

    def truth_of(self, split: Split, examples: slice) -> dict[TargetKind, Tensor]:
        if self.truth[split]:
            return super().truth_of(split, examples)
        return {kind: self._exact(kind, of) for kind, of in self._lots[split][-1].targets().items()}

    def numbers_of(self, lane: int) -> dict[str, Tensor]:
        batches = [lot.batches[lane] for lot in self._lots["test"]]
        places = torch.arange(self._sizes["test"])
        ids, groups = ([getattr(one, name) for one in batches] for name in ("ids", "groups"))
        found = {"example_id": places if ids[0] is None else torch.cat(ids)}
        return found | ({} if groups[0] is None else {"group_id": torch.cat(groups)})


def lanes_of(data: LaneData, members: Sequence[Member], device: torch.device) -> Lanes:
    """What the members of a pack read, where they train."""
    if isinstance(data, PackData):
        return HeldLanes(data, members, device)
    assert isinstance(data, StreamData)
    return StreamLanes(data, members, device)


def exact_device(device: torch.device) -> torch.device:
    """The device itself, or the CPU where it refuses double precision, as Apple's MPS does.

    A target of 1.7e9 in single precision is known to 128 only. Training sees shifted and scaled targets and
    needs no more than single precision; metrics, their sums and predictions in the task's units do.
    """
    try:
        torch.zeros((), dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device
