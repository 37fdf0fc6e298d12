"""What the members of a pack read, held once for each lane: a distinct (data set, seed) among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lossbench.data.source import SPLITS, DataSet, Split
from lossbench.pack.exact import exact_device
from lossbench.pack.noise import arguments, drawn
from lossbench.seeds import torch_generator
from lossbench.spare import with_spare
from lossbench.task import WEIGHT, Noise, TargetKind, Units
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


class Lanes:
    """The data of L lanes where R members train.

    Args:
        data: of the members.
        noise: of their model.
        device: where they train.

    Attributes:
        lane: (R,) the lane of each member.
        truth: split -> kind of target -> (L, N, ...) in the task's own units, for the metrics; continuous
            ones in float64; on the device for that (`exact_device`).
        seen: the same as losses see them, where members train.
        shared: name -> (L, ...), what is not per example.
    """

    def __init__(self, data: PackData, noise: Mapping[str, Noise], device: torch.device) -> None:
        self.device, self.noise = device, noise
        self.lane = data.lane.to(device)
        self._spared: dict[int, Tensor] = {}
        self.datasets: list[DataSet] = data.lanes
        self.seeds = data.lane_seeds
        self.pool = mapped(lambda inputs: inputs.to(device), data.pool)
        self.rows = {split: rows.to(device) for split, rows in data.rows.items()}
        exact = exact_device(device)
        self.truth: dict[Split, dict[TargetKind, Tensor]] = {
            split: {
                kind: self._stacked(split, kind, exact) for kind in getattr(self.datasets[0], split).targets
            }
            for split in SPLITS
        }
        self.units = {kind: self._units(kind, exact) for kind in self.datasets[0].units}
        self.seen = {split: {k: self._seen(k, v) for k, v in self.truth[split].items()} for split in SPLITS}
        self.shared = {
            name: torch.stack([d.shared[name] for d in self.datasets]).to(device)
            for name in self.datasets[0].shared
        }

    def _stacked(self, split: Split, kind: TargetKind, exact: torch.device) -> Tensor:
        values = torch.stack([getattr(data, split).targets[kind] for data in self.datasets]).to(exact)
        return values.double() if kind == "continuous" else values

    def _units(self, kind: TargetKind, exact: torch.device) -> Units:
        """With a row for each lane, that broadcasts with (L, N, ...)."""
        trailing = self.truth["train"][kind].shape[2:]

        def rows(parts: Sequence[float | Tensor]) -> Tensor:
            known = [torch.as_tensor(part, dtype=torch.float64, device=exact) for part in parts]
            return torch.stack([part.expand(1, *trailing) for part in known])

        units = [data.units[kind] for data in self.datasets]
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
        values = self.units[kind].scaled(values) if kind in self.units else values
        return (values.float() if values.dtype == torch.float64 else values).to(self.device)

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
        weight = targets.get(WEIGHT)
        counts = None if weight is None else weight.double().flatten(1).sum(1)[self.lane]
        size = positions.shape[1]
        read = arguments(inputs, self._noise(members, size, "train", step))
        return Batch(read, {**targets, **self.shared}, counts, size, spare)

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

    def inputs_of(self, split: Split) -> Tree:
        """The inputs of a split, (L, N, ...)."""
        return self._inputs(self.rows[split])

    def _inputs(self, rows: Tensor) -> Tree:
        return mapped(lambda pool: pool[rows], self.pool)

    def _noise(self, members: Tensor, count: int, *moment: str | int) -> dict[str, Tensor]:
        found = drawn(self.noise, self.seeds, count, *moment) if self.noise else {}
        return {name: tensor.to(self.device)[members] for name, tensor in found.items()}

    def _members(self, spare: int) -> Tensor:
        """The lanes of the members, and that of the last `spare` times more."""
        if spare not in self._spared:
            self._spared[spare] = with_spare(self.lane, spare)
        return self._spared[spare]
