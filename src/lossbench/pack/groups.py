"""Members of a pack that share a loss: their targets, losses and predictions, computed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossbench.data.source import SPLITS, Split
from lossbench.job import Member
from lossbench.losses.loss import Loss
from lossbench.pack.exact import exact_device
from lossbench.task import Prediction, Target, TargetKind, Units

if TYPE_CHECKING:
    from lossbench.data.module import PackData  # which imports Lightning, and planning needs none


@dataclass(frozen=True)
class Group:
    """Members with one loss, whose float knobs may differ.

    index: (G,) which members of the pack.
    losses: the loss of each, with its own knobs.
    knobs: name -> (G,) values of the float knobs.
    targets: split -> (G, N) or (G, N, classes), as the loss sees them, where the members train.
    truth: split -> every kind of target (G, N, ...) in the task's own units, for the metrics; continuous ones
        in float64, on the device for that (`exact_device`).
    shift, scale: (G, 1) float64 there, the task's own units are value * scale + shift.
    """

    losses: tuple[Loss, ...]
    target: Target
    index: Tensor
    knobs: dict[str, Tensor]
    targets: dict[Split, Tensor]
    truth: dict[Split, dict[TargetKind, Tensor]]
    shift: Tensor
    scale: Tensor

    @cached_property
    def places(self) -> dict[int, int]:
        """Member -> its place in the group."""
        return {member: place for place, member in enumerate(self.index.tolist())}

    def batch(self, split: Split, positions: Tensor) -> Tensor:
        """The targets at positions (R, B) of a split: (G, B, ...)."""
        chosen = positions[self.index]
        return self.targets[split][torch.arange(len(chosen), device=chosen.device).unsqueeze(1), chosen]

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of each member on a batch: (G, B, outputs), (G, B, ...) -> (G,)."""
        loss = self.losses[0]

        def one(output: Tensor, target: Tensor, knobs: dict[str, Tensor]) -> Tensor:
            return replace(loss, **knobs)(output, target, self.target).mean()  # type: ignore[arg-type]

        result: Tensor = torch.vmap(one)(outputs, targets, self.knobs)
        return result

    def value(self, place: int, output: Tensor, target: Tensor) -> Tensor:
        """The mean loss of the member at `place` of the group on a batch: a tensor of no dimension."""
        return self.losses[place](output, target, self.target).mean()

    def only(self, place: int) -> Group:
        """The group of one of its members."""
        one = slice(place, place + 1)
        return replace(
            self,
            losses=self.losses[one],
            index=self.index[one],
            knobs={name: values[one] for name, values in self.knobs.items()},
            targets={split: values[one] for split, values in self.targets.items()},
            truth={split: {k: v[one] for k, v in kinds.items()} for split, kinds in self.truth.items()},
            shift=self.shift[one],
            scale=self.scale[one],
        )

    def predict(self, outputs: Tensor) -> Prediction:
        """Outputs (G, N, outputs), where `truth` is, as predictions in the task's own units."""
        prediction = self.losses[0].predict(outputs, self.target)
        if "value" not in prediction or self.target.kind != "continuous":
            return prediction  # the mean of a distribution is in the units of its support already
        return Prediction(**{**prediction, "value": prediction["value"] * self.scale + self.shift})


def loss_groups(members: Sequence[Member], data: PackData, device: torch.device) -> list[Group]:
    """Split a pack into groups: one per kind of loss, static knobs and kind of target."""
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, member in enumerate(members):
        places.setdefault(loss_kind(member), []).append(place)
    return [_group([members[i] for i in index], index, data, device) for index in places.values()]


def loss_kind(member: Member) -> tuple[Any, ...]:
    """Equal for members whose losses differ in float knobs at most."""
    floats = member.loss.float_knobs()
    static = tuple(
        (field.name, repr(getattr(member.loss, field.name)))
        for field in fields(member.loss)
        if field.name not in floats
    )
    return (type(member.loss), static, member.target)


def _group(members: list[Member], index: list[int], data: PackData, device: torch.device) -> Group:
    first = members[0]
    datasets = [data.datasets[i] for i in index]
    exact = exact_device(device)
    units = [d.units.get("continuous", Units()) for d in datasets]
    shift = torch.tensor([[u.shift] for u in units], dtype=torch.float64, device=exact)
    scale = torch.tensor([[u.scale] for u in units], dtype=torch.float64, device=exact)
    truth: dict[Split, dict[TargetKind, Tensor]] = {}
    for split in SPLITS:
        kinds = getattr(datasets[0], split).targets
        truth[split] = {
            kind: torch.stack([getattr(d, split).targets[kind] for d in datasets]).to(exact) for kind in kinds
        }
        if "continuous" in truth[split]:
            truth[split]["continuous"] = truth[split]["continuous"].double()
    targets = {split: truth[split][first.target.kind] for split in SPLITS}
    if first.target.kind == "continuous":
        # Only the result is rounded: in single precision the difference would have no digits left.
        targets = {split: ((values - shift) / scale).float() for split, values in targets.items()}
    names = first.loss.float_knobs()
    return Group(
        losses=tuple(member.loss for member in members),
        target=first.target,
        index=torch.tensor(index, device=device),
        knobs={n: torch.tensor([m.loss.float_knobs()[n] for m in members], device=device) for n in names},
        targets={split: values.to(device) for split, values in targets.items()},
        truth=truth,
        shift=shift,
        scale=scale,
    )
