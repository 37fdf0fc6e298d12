"""What the members of a pack read, held once for each lane: a distinct (data set, seed) among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossbench.data.source import SPLITS, DataSet, Split
from lossbench.data.stream import Stream
from lossbench.pack.exact import exact_device
from lossbench.pack.noise import arguments, drawn
from lossbench.seeds import torch_generator
from lossbench.spare import with_spare
from lossbench.task import WEIGHT, Noise, TargetKind, Units, seen
from lossbench.trees import Tree, mapped, part

if TYPE_CHECKING:
    from lossbench.data.module import PackData  # which imports Lightning, and planning needs none


@dataclass(frozen=True)
class Batch:
    """A training batch of all members.

    read: what the modules are called with, each tensor (R + spare, B, ...).
    targets: kind -> (L, B, ...) as losses see them, and what the data set shares (L, ...).
    weight: (R,), what each member's batch counts in the mean of its epoch; None where all batches count alike
        for each of their examples.
    size: B.
    spare: how many times the last member stands behind all (see `lossbench.spare`).
    """

    read: tuple[Tree, ...]
    targets: Mapping[str, Tensor]
    weight: Tensor | None
    size: int
    spare: int


class Lanes(ABC):
    """The data of L lanes where R members train.

    Args:
        lanes: the data of each.
        lane: (R,) the lane of each member.
        seeds: of the lanes.
        noise: of the members' model.
        device: where they train.

    Attributes:
        lane: (R,) the lane of each member.
        seeds: of the lanes.
        truth: split -> kind of target -> (L, N, ...) in the task's own units, for the metrics; continuous
            ones in float64; on the device for that (`exact_device`). Those of a split are asked for when it
            has been evaluated.
        kinds: of all targets.
        seen: the same as losses see them, where members train.
        shared: name -> (L, ...), what is not per example.
    """

    def __init__(
        self,
        lanes: Sequence[DataSet | Stream],
        lane: Tensor,
        seeds: list[int],
        noise: Mapping[str, Noise],
        device: torch.device,
    ) -> None:
        self.device, self.noise = device, noise
        self.exact = exact_device(device)
        self.lane = lane.to(device)
        self._spared: dict[int, Tensor] = {}
        self.seeds = seeds
        self._units = [one.units for one in lanes]
        self.units: dict[TargetKind, Units] = {}
        self.truth: dict[Split, dict[TargetKind, Tensor]] = {split: {} for split in SPLITS}
        self.seen: dict[Split, dict[TargetKind, Tensor]] = {split: {} for split in SPLITS}
        self.kinds = {target.kind for target in lanes[0].description.targets}
        self.shared = {
            name: torch.stack([one.shared[name] for one in lanes]).to(device) for name in lanes[0].shared
        }

    @abstractmethod
    def batch(self, step_of_data: Any, step: int, spare: int = 0) -> Batch:
        """A training batch, of what the data gives for a step; `step` updates came before it."""

    @abstractmethod
    def evaluated(self, split: Split, part_of_split: Any, spare: int = 0) -> tuple[Tree, ...]:
        """What the modules are called with on a part of a split, each tensor (R + spare, n, ...)."""

    @abstractmethod
    def numbers_of(self, lane: int) -> dict[str, Tensor]:
        """Of the test examples of a lane, (N,) int64: `example_id`, and `group_id` where they have groups."""

    def inputs_of(self, split: Split) -> Tensor | None:
        """The inputs of a split, (L, N, 1), where they are at hand and one number each."""
        return None

    def hold(self, split: Split, targets: Mapping[TargetKind, Tensor]) -> None:
        """Take in the targets of a split, (L, N, ...)."""
        for kind, values in targets.items():
            self.truth[split][kind] = self._exact(kind, values)
            self.seen[split][kind] = self._seen(kind, self.truth[split][kind])

    def truth_of(self, split: Split, examples: slice) -> dict[TargetKind, Tensor]:
        """`truth` of the examples that were evaluated last."""
        return {kind: values[:, examples] for kind, values in self.truth[split].items()}

    def _exact(self, kind: TargetKind, values: Tensor) -> Tensor:
        values = values.to(self.exact)
        return values.double() if kind == "continuous" else values

    def _units_for(self, kind: TargetKind, trailing: Sequence[int]) -> Units:
        """With a row for each lane, that broadcasts with (L, N, *trailing)."""

        def rows(parts: Sequence[float | Tensor]) -> Tensor:
            known = [torch.as_tensor(part, dtype=torch.float64, device=self.exact) for part in parts]
            return torch.stack([part.expand(1, *trailing) for part in known])

        units = [own[kind] for own in self._units]
        return Units(rows([one.shift for one in units]), rows([one.scale for one in units]))

    def units_of(self, kind: TargetKind, lane: Tensor) -> Units:
        """The units of members in these lanes (G,), with a row for each."""
        shift, scale = self.units[kind].shift, self.units[kind].scale
        assert isinstance(shift, Tensor)
        assert isinstance(scale, Tensor)
        lane = lane.to(shift.device)
        return Units(shift[lane], scale[lane])

    def _seen(self, kind: TargetKind, values: Tensor) -> Tensor:
        """Targets (L, N, ...) as losses see them, where members train."""
        if kind in self._units[0] and kind not in self.units:
            self.units[kind] = self._units_for(kind, values.shape[2:])
        return seen(values, self.units.get(kind)).to(self.device)

    def _batch(
        self, inputs: Tree, targets: dict[TargetKind, Tensor], size: int, step: int, spare: int
    ) -> Batch:
        """Of inputs (R + spare, B, ...) and targets (L, B, ...) as losses see them."""
        weight = targets.get(WEIGHT)
        counts = None if weight is None else weight.double().flatten(1).sum(1)[self.lane]
        read = arguments(inputs, self._noise(self._members(spare), size, "train", step))
        return Batch(read, {**targets, **self.shared}, counts, size, spare)

    def _noise(self, members: Tensor, count: int, *moment: str | int) -> dict[str, Tensor]:
        found = drawn(self.noise, self.seeds, count, *moment) if self.noise else {}
        return {name: tensor.to(self.device)[members] for name, tensor in found.items()}

    def _members(self, spare: int) -> Tensor:
        """The lanes of the members, and that of the last `spare` times more."""
        if spare not in self._spared:
            self._spared[spare] = with_spare(self.lane, spare)
        return self._spared[spare]


class HeldLanes(Lanes):
    """Of data sets in memory."""

    def __init__(self, data: PackData, noise: Mapping[str, Noise], device: torch.device) -> None:
        super().__init__(data.lanes, data.lane, data.lane_seeds, noise, device)
        self.datasets: list[DataSet] = data.lanes
        self.pool = mapped(lambda inputs: inputs.to(device), data.pool)
        self.rows = {split: rows.to(device) for split, rows in data.rows.items()}
        for split in SPLITS:
            parts = [getattr(one, split).targets for one in data.lanes]
            self.hold(split, {kind: torch.stack([part[kind] for part in parts]) for kind in parts[0]})

    @cached_property
    def _of_lane(self) -> Tensor:
        return torch.arange(len(self.datasets), device=self.device).unsqueeze(1)

    def batch(self, positions: Tensor, step: int, spare: int = 0) -> Batch:
        """The batch at positions (L, B) of the training split; `step` updates came before it."""
        members = self._members(spare)
        rows = self.rows["train"].gather(1, positions)
        if self.datasets[0].fresh is None:
            inputs = self._inputs(rows[members])
            targets = {kind: values[self._of_lane, positions] for kind, values in self.seen["train"].items()}
        else:
            inputs, targets = self._anew(rows, positions, step)
            inputs = part(inputs, members)
        return self._batch(inputs, targets, positions.shape[1], step, spare)

    def _anew(self, rows: Tensor, positions: Tensor, step: int) -> tuple[Tree, dict[str, Tensor]]:
        """Each lane's batch as its data set makes it anew: (L, B, ...)."""
        made = []
        for number, data in enumerate(self.datasets):
            truth = self.truth["train"].items()
            targets = {kind: values[number, positions[number].to(values.device)] for kind, values in truth}
            assert data.fresh is not None, "data sets of one config agree"
            generator = torch_generator(self.seeds[number], "fresh", step)
            made.append(data.fresh(self._inputs(rows[number]), targets, generator))
        stacked = {kind: torch.stack([truth[kind] for _, truth in made]) for kind in made[0][1]}
        return (
            mapped(lambda *parts: torch.stack(parts), *(own for own, _ in made)),
            {kind: self._seen(kind, values) for kind, values in stacked.items()},
        )

    def evaluated(self, split: Split, bounds: tuple[int, int], spare: int = 0) -> tuple[Tree, ...]:
        """What the modules are called with on a range of a split, each tensor (R + spare, n, ...)."""
        members = self._members(spare)
        rows = self.rows[split][:, bounds[0] : bounds[1]]
        return arguments(self._inputs(rows[members]), self._noise(members, rows.shape[1], split, bounds[0]))

    def inputs_of(self, split: Split) -> Tensor | None:
        small = isinstance(self.pool, Tensor) and self.pool[0].numel() == 1
        return self._inputs(self.rows[split]) if small else None

    def numbers_of(self, lane: int) -> dict[str, Tensor]:
        test = self.datasets[lane].test
        found = {"example_id": test.rows if test.ids is None else test.ids}
        return found if test.groups is None else found | {"group_id": test.groups}

    def _inputs(self, rows: Tensor) -> Tree:
        return mapped(lambda pool: pool[rows], self.pool)
