"""What a loss is to the rest of the house: a pure function, and a small declaration beside it."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import Choice
from lossbench.config.knob_types import Type, types_of
from lossbench.task import PROGRESS, WEIGHT, Prediction, Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.nearness import Nearness
    from lossbench.losses.reduction import Means

    Knob = float | Tensor  # a number, or under vmap a tensor of no dimension


@dataclass(frozen=True, kw_only=True)
class Loss(Choice):
    """A loss as a config names it; its knobs are its fields.

    trains_on: kinds of target, best first; of those that a data set offers, the first is used.
    also: further targets, or tensors that a data set shares, that it reads. It is then called with all of
        them by name. `weight` may be among them, for a value that is made of several places: it is there
        where the data has weights. So may `progress`, the share of training that is behind.
    remedy: what to do where the data lacks what it reads.
    needs: outputs of the model that it reads by name; none: the one tensor that most models give. Where they
        or `also` depend on the kind of target, `needs_for` and `also_for` say them.
    own_units: it compares numbers in the task's own units, exactly (shares of the target, say): it is then
        called with outputs and targets in them. Else both are shifted and scaled.
    undefined: of one in own units, the targets at which it is undefined and trains nothing (`idle`).
    batchwise: the value of an example depends on the others of its batch (pairs, ranks), as is meant.

    Float knobs may be tensors of no dimension: members of a pack that differ only in them are computed
    together, the knob being vmapped. Other knobs are plain Python and must agree within such a group.
    """

    part = "loss"
    trains_on: ClassVar[tuple[TargetKind, ...]]
    also: ClassVar[tuple[str, ...]] = ()
    remedy: ClassVar[str] = "choose another loss, or let the data set give it as a target, or as `shared`"
    needs: ClassVar[tuple[str, ...]] = ()
    own_units: ClassVar[bool] = False
    undefined: ClassVar[str] = "0"
    batchwise: ClassVar[bool] = False
    stackable: ClassVar[bool] = True  # False where torch.func.vmap refuses it

    @property
    def asks(self) -> Mapping[str, Any]:
        """What it asks of the model beside its outputs, in plain values by name (`Model.asked`).

        Members of which models are asked different things train in packs of their own.
        """
        return {}

    def needs_for(self, target: Target) -> tuple[str, ...]:
        """The outputs that it reads by name where it trains on this kind of target."""
        return self.needs

    def also_for(self, target: Target) -> tuple[str, ...]:
        """What it reads beside the target where it trains on this kind of it."""
        return self.also

    def wants_for(self, target: Target) -> tuple[str, ...]:
        """Of `also_for`, what data must have for it."""
        return tuple(name for name in self.also_for(target) if name not in (WEIGHT, PROGRESS))

    def called_with(self, target: Target) -> tuple[str, ...]:
        """Names of all that it is called with beside outputs, the target first."""
        return (target.kind, *self.also_for(target))

    def read(self, kind: Target, known: Mapping[str, Any]) -> Any:
        """Of targets and shared tensors by name, what it is called with: by name where it reads several."""
        if not self.also_for(kind):
            return known[kind.kind]
        return {name: known[name] for name in self.called_with(kind) if name != WEIGHT or name in known}

    def chosen_target(self, offered: Sequence[Target]) -> Target | None:
        """Of the kinds of target that a data set offers, the one that it trains on; None where none fits."""
        by_kind = {target.kind: target for target in offered}
        return next((by_kind[kind] for kind in self.trains_on if kind in by_kind), None)

    def elicits(self, target: Target) -> str:
        """What of the target's distribution, given the inputs, predicts best under it: mean, median, ...

        In one or few words; empty where nothing is known, or nothing of the kind is predicted.
        """
        return ""

    @abstractmethod
    def outputs(self, target: Target, embedding_size: int) -> int:
        """How many numbers the model must give for each example, or for each of its places."""

    @property
    def nearness(self) -> Nearness:
        """By what items are ranked for a user whose vector it has trained: the product of both."""
        return "dot"

    def gives(self, target: Target) -> tuple[str, ...]:
        """The names that `predict` defines; shipped losses say them without computing anything."""
        import torch

        if self.needs_for(target):
            return ()  # known where a model has given its outputs
        return tuple(
            self.predict(torch.zeros(1, *target.shape, self.outputs(target, embedding_size=1)), target)
        )

    @abstractmethod
    def __call__(self, output: Any, target: Any, kind: Target) -> Tensor:
        """The unreduced loss: one value for each example, or for each of its places.

        Args:
            output: (N, *places, outputs), of the model's last layer; with `needs` a dict of what it needs.
            target: (N, ...) as `Target` says; those with units are shifted and scaled, but with `own_units`.
                With `also` a dict by kind.
            kind: the kind of target; says how `target` is encoded.

        Returns:
            (N,) or (N, *places) values. Only the pack reduces them, by the mean over examples and places,
            weighted where the data gives weights.
        """

    def parted(self, output: Any, target: Any, kind: Target) -> Means:
        """The values of `__call__`; and of a sum those of its parts by name, which are logged beside them."""
        return self(output, target, kind), {}

    def idle(self, target: Tensor) -> Tensor:
        """Which examples of batches (..., N) have nothing in their batch to be trained with: (..., N) bool.

        None; but a loss between the examples of a batch needs others beside them.
        """
        import torch

        return torch.zeros_like(target, dtype=torch.bool)

    def idle_pairs(self, target: Tensor) -> Tensor:
        """The same of batches of pairs (..., N), each of which has its own: none."""
        import torch

        return torch.zeros_like(target, dtype=torch.bool)

    @abstractmethod
    def predict(self, output: Any, kind: Target) -> Prediction:
        """Outputs (..., N, *places, outputs), or a dict of what it needs, in the task's own space.

        A value is still shifted and scaled where `kind` is continuous; where it is a distribution, the value
        is already in the units of `Target.support`.
        """

    def check(self, target: Target) -> None:
        """Refuse what only computing shows; called once, before anything trains on this kind of target.

        Raises:
            InputError: with the reason and the remedy.
        """

    def with_floats(self, knobs: Mapping[str, Knob]) -> Loss:
        """The same with other values of its float knobs, such as `float_knobs` names them."""
        return dataclasses.replace(self, **knobs) if knobs else self  # type: ignore[arg-type]  # a knob's field holds a number

    def static_knobs(self) -> tuple[Any, ...]:
        """What must agree, beside the class, where losses with other float knobs are computed together."""
        floats = self.float_knobs()
        fields = (field.name for field in dataclasses.fields(self) if field.name not in floats)
        return tuple((name, repr(getattr(self, name))) for name in fields)

    def float_knobs(self) -> dict[str, float]:
        """The knobs that may differ between members that are computed together."""
        known = types_of(type(self))
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if known[field.name] == Type(float)
        }
