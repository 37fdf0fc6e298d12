"""Members of a pack that share a loss: their targets, losses and predictions, computed together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossbench.data.source import Split
from lossbench.job import Member
from lossbench.losses.loss import Loss
from lossbench.losses.nearness import all_items
from lossbench.losses.reduction import weighted_means
from lossbench.metrics.families import preferred
from lossbench.metrics.judge import judge
from lossbench.metrics.measure import Measure
from lossbench.pack.over_members import over_members
from lossbench.pack.own_units import as_read, means_in_own_units
from lossbench.spare import spare, with_spare
from lossbench.task import WEIGHT, Prediction, Target, Units
from lossbench.trees import Tree, leaves, mapped, part

if TYPE_CHECKING:
    from lossbench.losses.reduction import Means
    from lossbench.pack.batch import Batch
    from lossbench.pack.lanes import Lanes  # which imports Lightning, and planning needs none

# Of a model that gives its outputs by name, the one for losses that ask for no names.
OUTPUT = "output"
# Of towers in evaluation: vectors of users (N, E) and of all items (1, items, E), of which all scores follow.
TOWERS = ("user", "items")


@dataclass(frozen=True)
class Share:
    """Members of a group, and spare ones behind them (G + spare,): rows of outputs, lanes, knobs.

    Spare are the rows that come next, where members stand side by side; else, and of all besides outputs,
    those of the last member again.

    members: the rows of outputs without them.
    """

    group: Group
    members: Tensor | slice
    rows: Tensor | slice
    lane: Tensor
    knobs: dict[str, Tensor]


@dataclass(frozen=True)
class Group:
    """Members with one loss, whose float knobs may differ; `layout` is that of `Member`."""

    losses: tuple[Loss, ...]  # of each, with its own knobs
    target: Target
    index: Tensor  # (G,) which members of the pack
    lane: Tensor  # (G,)
    knobs: dict[str, Tensor]  # name -> (G,) values of the float knobs
    layout: tuple[int, ...]
    lanes: Lanes

    @cached_property
    def places(self) -> dict[int, tuple[int, int]]:
        """Member -> its place in the group, and its lane: known without asking the device again."""
        found = zip(self.index.tolist(), self.lane.tolist(), strict=True)
        return {member: (place, lane) for place, (member, lane) in enumerate(found)}

    @cached_property
    def _shares(self) -> dict[tuple[int, int, int], Share | None]:
        return {}

    def share(self, members: slice, spare: int) -> Share | None:
        """Of those among these members of the pack; None where there are none."""
        key = (members.start, members.stop, spare)
        if key not in self._shares:
            index = list(self.places)
            own = self.part(slice(bisect_left(index, members.start), bisect_left(index, members.stop)))
            self._shares[key] = own._shared(members.start, spare) if own.losses else None
        return self._shares[key]

    def _shared(self, start: int, spare: int) -> Share:
        """With spare members; the first row of outputs is that of the member `start`."""
        index = self.index - start
        rows, lane, knobs = mapped(lambda own: with_spare(own, spare), (index, self.lane, self.knobs))
        first, last = min(self.places) - start, max(self.places) - start
        if last - first + 1 > len(self.losses):
            return Share(self, index, rows, lane, knobs)
        return Share(self, slice(first, last + 1), slice(first, last + 1 + spare), lane, knobs)

    def part(self, places: slice | list[int]) -> Group:
        """The group of some of its members."""
        index, lane, knobs = part((self.index, self.lane, self.knobs), places)
        own = [self.losses[p] for p in places] if isinstance(places, list) else self.losses[places]
        return replace(self, losses=tuple(own), index=index, lane=lane, knobs=knobs)

    def cut(self, at_once: int) -> list[Group]:
        """Groups of so many members at most."""
        return [self.part(slice(at, at + at_once)) for at in range(0, len(self.losses), at_once)]

    def of_split(self, split: Split) -> tuple[Tree, Tensor | None]:
        """What losses read of a split besides outputs, each (G, N, ...): targets, and their weights."""
        return self._read({**self.lanes.seen[split], **self.lanes.shared}, self.lane)

    def _read(self, known: Mapping[str, Tensor], lane: Tensor | int) -> tuple[Tree, Tensor | None]:
        weight = known.get(WEIGHT)
        targets = part(self.losses[0].read(self.target, known), lane)
        return targets, None if weight is None else weight[lane]

    def _units(self, lane: Tensor | int) -> tuple[Tensor, ...]:
        """Shift and scale of the target in lanes; none where it has none."""
        if (units := self.lanes.units.get(self.target.kind)) is None:
            return ()
        shift, scale = torch.as_tensor(units.shift), torch.as_tensor(units.scale)
        where = lane.to(shift.device) if isinstance(lane, Tensor) else lane
        return shift[where], scale[where]

    def judged(
        self,
        prediction: Prediction,
        truth: Mapping[str, Tensor],
        measures: Sequence[Measure],
        kept: Mapping[Measure, tuple[Tensor, ...]],
    ) -> dict[str, Tensor]:
        """Metrics (G,) of what the group predicts; truth (L, N, ...) of a split, or of a part of it."""
        lane, shared = self._where(truth)
        ordered = preferred(measures, self.target.kind)
        return judge(prediction, truth, ordered, lane, shared=shared, kept=kept)

    def kept(
        self, measure: Measure, prediction: Prediction, truth: Mapping[str, Tensor]
    ) -> tuple[Tensor, ...] | None:
        """What a measure keeps of a chunk of examples, each (G, n, ...); None where something lacks."""
        lane, shared = self._where(truth)
        known = {**truth, **shared}
        if not measure.reads(prediction, known):
            return None
        read = [prediction[name].detach() for name in measure.needs]
        return measure.kept(*read, *(known[name][lane] for name in measure.fields))

    def _where(self, truth: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The members' lanes and what is shared, on the device of the truth."""
        device = next(iter(truth.values())).device if truth else self.lane.device
        return self.lane.to(device), {name: tensor.to(device) for name, tensor in self.lanes.shared.items()}

    def values(self, outputs: Tree, batch: Batch, share: Share) -> Means:
        """The mean loss of each member on a batch: (G, B, ...), with spare members more -> (G,) each."""
        loss = self.losses[0]
        targets, weights = self._read(as_read(loss, batch.targets), share.lane)
        units = self._units(share.lane) if loss.own_units else ()

        def one(knobs: dict[str, Tensor], output: Tree, target: Tree, *read: Tensor) -> Means:
            weight, own_units = (None, read) if weights is None else (read[0], read[1:])
            return self._mean(loss.with_floats(knobs), output, target, weight, *own_units)

        read = read_by(loss, self.target, self.layout, outputs)
        beside = units if weights is None else (weights, *units)
        result: Means = over_members(one, share.knobs, read, targets, *beside)
        own: Means = part(result, slice(len(self.losses)))
        return own

    def value(self, member: int, output: Tree, batch: Batch) -> Means:
        """The mean loss of a member on a batch: (B, ...) -> () each."""
        place, lane = self.places[member]
        loss = self.losses[place]
        units = self._units(lane) if loss.own_units else ()
        beside = self._read(as_read(loss, batch.targets), lane)
        return self._mean(loss, read_by(loss, self.target, self.layout, output), *beside, *units)

    def _mean(self, loss: Loss, output: Tree, target: Tree, weight: Tensor | None, *units: Tensor) -> Means:
        if not loss.own_units:
            return weighted_means(loss.parted(output, target, self.target), weight)
        own = self._with_log(*units) if units else None
        return means_in_own_units(loss, self.target, output, target, weight, own)

    def _with_log(self, shift: Tensor, scale: Tensor) -> Units:
        return Units(shift, scale, self.lanes.units[self.target.kind].log)

    def predict(self, outputs: Tree) -> Prediction:
        """What outputs (G, N, ...), where `truth` is, say in the task's own units."""
        found = self.said(outputs)
        if units := self._units(self.lane):
            # The mean of a distribution is in units of its support already; quantiles stand behind values.
            each = {"value": units, "quantiles": tuple(one.unsqueeze(-1) for one in units)}
            for name in found.keys() & each.keys():
                found[name] = self._with_log(*each[name]).own(found[name])
        return found

    def said(self, outputs: Tree) -> Prediction:
        """What outputs (G, N, ...) say in the units of the loss."""
        more = spare(leaves(outputs)[0].shape[1])
        parts: list[Prediction] = []
        for alike in self._alike:
            own = outputs if len(self._alike) == 1 else part(outputs, alike)
            padded = mapped(lambda tensor: with_spare(tensor, more), own)
            said = predicted(self.losses[alike[0]], self.target, self.layout, padded)
            parts.append(Prediction(**{name: tensor[: len(alike)] for name, tensor in said.items()}))
        if len(parts) == 1:
            return parts[0]
        return Prediction(**{name: torch.cat([one[name] for one in parts])[self._order] for name in parts[0]})

    @cached_property
    def _alike(self) -> list[list[int]]:
        """The places of members whose float knobs are equal, too: `predict` may read them."""
        found: dict[tuple[float, ...], list[int]] = {}
        for place, loss in enumerate(self.losses):
            found.setdefault(tuple(loss.float_knobs().values()), []).append(place)
        return list(found.values())

    @cached_property
    def _order(self) -> list[int]:
        """Where each member stands in `_alike`, one after another."""
        return torch.tensor([place for alike in self._alike for place in alike]).argsort().tolist()


def read_by(loss: Loss, target: Target, layout: tuple[int, ...], outputs: Tree) -> Tree:
    """Of what a model gives, what a loss reads; None where an evaluation gives something else."""
    if not isinstance(outputs, dict):
        return outputs.unflatten(-1, layout) if layout else outputs
    if needs := loss.needs_for(target):
        return {name: outputs[name] for name in needs} if outputs.keys() >= set(needs) else None
    return read_by(loss, target, layout, outputs[OUTPUT]) if OUTPUT in outputs else None


def predicted(loss: Loss, target: Target, layout: tuple[int, ...], outputs: Tree) -> Prediction:
    """What outputs (..., N, ...) say, values in the units of the loss.

    What a model gives by name and the loss does not read is a prediction as it is.
    """
    read = read_by(loss, target, layout, outputs)
    found = Prediction() if read is None else loss.predict(read, target)
    if isinstance(outputs, dict) and isinstance(found, Prediction):
        taken = {OUTPUT} if read is None else {OUTPUT, *loss.needs_for(target)}
        if outputs.keys() >= set(TOWERS):
            user, items = (outputs[name] for name in TOWERS)
            scores = all_items(user, items, loss.nearness)
            taken, found = taken.union(outputs), Prediction(**{"all_items": scores, **found})
        more = {name: tensor for name, tensor in outputs.items() if name not in taken}
        return Prediction(**{**more, **found})
    return found


def loss_groups(members: Sequence[Member], lanes: Lanes) -> list[Group]:
    """Split a pack into groups: one per kind of loss, static knobs and kind of target."""
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, member in enumerate(members):
        places.setdefault(loss_kind(member), []).append(place)
    groups = []
    for own in places.values():
        first, index = members[own[0]], torch.tensor(own, device=lanes.device)
        losses = tuple(members[place].loss for place in own)
        values = {name: [loss.float_knobs()[name] for loss in losses] for name in first.loss.float_knobs()}
        knobs = {name: torch.tensor(column, device=lanes.device) for name, column in values.items()}
        groups.append(Group(losses, first.target, index, lanes.lane[index], knobs, first.layout, lanes))
    return groups


def loss_kind(member: Member) -> tuple[Any, ...]:
    """Equal for members whose losses differ in float knobs at most."""
    return (type(member.loss), member.loss.static_knobs(), member.target)
