"""A weighted sum of losses of the same outputs and the same target."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.errors import InputError
from lossbench.losses.loss import Loss
from lossbench.losses.sum_parts import WEIGHTS, asked, made, nodes_of, unlike_needs
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob
    from lossbench.losses.reduction import Means


@dataclass(frozen=True, kw_only=True)
class Sum(Loss):
    """A weighted sum of losses.

        L = sum_i w_i L_i

    It trains on what all its parts train on, and means by its outputs what they all mean. Each epoch the mean
    of every part is logged beside the sum (`train/loss_giou`), without its weight.

    parts: the weight of each loss by its name, 0 or more: that of a YAML which ships, or of one of your own.
        Not searched as it is, for what is a large weight depends on the losses; a YAML of your own says where
        to look: `_search_: {parts.mae: [1, 100, log]}`.
    knobs: of parts that are not to be as their YAML says, knobs by the name of the part. Those that are
        listed are searched as they are in a loss that stands alone.
    losses: set here, the parts.

    Raises:
        InputError: a part or a knob of it is not known, or no target and outputs suit all parts.
    """

    name: str = "sum"
    parts: Mapping[str, float] | None = knob(None, optional=True)
    knobs: Mapping[str, Any] | None = knob(None, optional=True)
    losses: Mapping[str, Loss] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        own = {"parts": self.parts, "knobs": self.knobs}
        losses = {part: made(self.name, part, node) for part, node in nodes_of(own).items()}
        weights = {part: float((self.parts or {})[part]) for part in losses}
        known = {
            "parts": weights or None,
            "losses": losses,
            "trains_on": _in_common([loss.trains_on for loss in losses.values()]),
            "own_units": any(loss.own_units for loss in losses.values()),
            "batchwise": any(loss.batchwise for loss in losses.values()),
            "stackable": all(loss.stackable for loss in losses.values()),
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)
        self._check_parts()

    def _check_parts(self) -> None:
        """Refuse what can be computed on no data."""

        def told(of: Callable[[Loss], str]) -> str:
            return "; ".join(f"{part} {of(loss)}" for part, loss in self.losses.items())

        losses = self.losses.values()
        if losses and not self.trains_on:
            self._refuse(
                f"no kind of target suits all its parts ({told(lambda own: ', '.join(own.trains_on))})"
            )
        for target in map(Target, self.trains_on[:1]):
            self._check_named(target)
        if len({loss.own_units for loss in losses}) > 1:
            units = told(lambda loss: "the target's own" if loss.own_units else "shifted and scaled")
            self._refuse(f"its parts compare in different units ({units})")

    def _check_named(self, target: Target) -> None:
        if why := unlike_needs(self.losses, target):
            self._refuse(why)

    asks = property(lambda self: asked(self.name, self.losses))

    def _refuse(self, why: str) -> None:
        raise InputError(f"loss={self.name} cannot be computed: {why}; name parts that agree in loss.parts.")

    @classmethod
    def inner(cls, node: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The nodes of its parts, with what their YAMLs say."""
        return {f"knobs.{part}": own for part, own in nodes_of(node).items()}

    @classmethod
    def completed(cls, node: Mapping[str, Any]) -> dict[str, Any]:
        """With the nodes of its parts, so that a record holds all that it is made of."""
        if not node.get("parts"):
            raise InputError(
                f"loss={node.get('name')} has no parts: give each loss of it a weight, as in {WEIGHTS}."
            )
        return {**node, "_recursive_": False, "knobs": nodes_of(node)}

    def values(self) -> dict[str, Any]:
        """As of every choice; of each part all its knobs, and the class, which is no param of a run."""
        found = super().values()
        found["knobs"] = {
            part: {"_class": f"{type(loss).__module__}.{type(loss).__qualname__}", **_unnamed(loss.values())}
            for part, loss in self.losses.items()
        }
        return found

    def float_knobs(self) -> dict[str, float]:
        """The weights, and the knobs of parts, by their place in the config: `knobs.huber.delta`."""
        weights = {f"parts.{part}": weight for part, weight in (self.parts or {}).items()}
        inner = {
            f"knobs.{part}.{name}": value
            for part, loss in self.losses.items()
            for name, value in loss.float_knobs().items()
        }
        return weights | inner

    def with_floats(self, knobs: Mapping[str, Knob]) -> Loss:
        found = copy.copy(self)
        weights = {part: knobs.get(f"parts.{part}", own) for part, own in (self.parts or {}).items()}
        losses = {
            part: loss.with_floats(
                {name: knobs[key] for name in loss.float_knobs() if (key := f"knobs.{part}.{name}") in knobs}
            )
            for part, loss in self.losses.items()
        }
        object.__setattr__(found, "parts", weights)
        object.__setattr__(found, "losses", losses)
        return found

    def static_knobs(self) -> tuple[Any, ...]:
        parts = ((part, type(loss), loss.static_knobs()) for part, loss in self.losses.items())
        return (self.name, *parts)

    def chosen_target(self, offered: Sequence[Target]) -> Target | None:
        """The first that suits all parts.

        Raises:
            InputError: they want different numbers of outputs for it.
        """
        by_kind = {target.kind: target for target in offered}
        for target in (by_kind[kind] for kind in self.trains_on if kind in by_kind):
            if all(loss.chosen_target([target]) for loss in self.losses.values()):
                self._check_named(target)
                self._check_outputs(target)
                return target
        return None

    def _check_outputs(self, target: Target) -> None:
        wanted = {
            part: (loss.outputs(target, 1), loss.outputs(target, 2)) for part, loss in self.losses.items()
        }
        if len(set(wanted.values())) > 1:
            sizes = ", ".join(f"{part} {_outputs(*own)}" for part, own in wanted.items())
            self._refuse(f"of a {target.kind} target its parts want different outputs ({sizes})")

    def check(self, target: Target) -> None:
        """Refuse parts that read the same outputs differently: a sigmoid of each, and a softmax of all."""
        import torch

        if self.needs_for(target):
            return
        generator = torch.Generator().manual_seed(0)
        output = torch.randn(1, 5, *target.shape, self.outputs(target, 3), generator=generator)
        first: dict[str, tuple[str, Tensor]] = {}
        for part, loss in self.losses.items():
            loss.check(target)
            for word, tensor in loss.predict(output, target).items():
                known, other = first.setdefault(word, (part, tensor))
                if other.shape != tensor.shape or not torch.allclose(other, tensor, atol=1e-6):
                    self._refuse(f"{known} and {part} mean different {word} by the same outputs")

    def needs_for(self, target: Target) -> tuple[str, ...]:
        return tuple(dict.fromkeys(n for loss in self.losses.values() for n in loss.needs_for(target)))

    def also_for(self, target: Target) -> tuple[str, ...]:
        return tuple(dict.fromkeys(n for loss in self.losses.values() for n in loss.also_for(target)))

    def elicits(self, target: Target) -> str:
        """What all parts elicit; of parts that differ nothing is known."""
        words = {loss.elicits(target) for loss in self.losses.values()}
        return words.pop() if len(words) == 1 else ""

    def outputs(self, target: Target, embedding_size: int) -> int:
        """As many as each of its parts."""
        return next(iter(self.losses.values())).outputs(target, embedding_size)

    def gives(self, target: Target) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word for loss in self.losses.values() for word in loss.gives(target)))

    def __call__(self, output: Any, target: Any, kind: Target) -> Tensor:
        return self.parted(output, target, kind)[0]

    def parted(self, output: Any, target: Any, kind: Target) -> Means:
        """The weighted sum, and each part without its weight.

        Raises:
            ValueError: one part has a value for each example, and another for each of its places.
        """
        parts = {
            part: loss(*self._read(loss, output, target, kind), kind) for part, loss in self.losses.items()
        }
        if len({values.shape for values in parts.values()}) > 1:
            shapes = ", ".join(f"{part} {tuple(values.shape)}" for part, values in parts.items())
            raise ValueError(f"parts give values of different shapes: {shapes}")
        first, *others = ((self.parts or {})[part] * values for part, values in parts.items())
        return sum(others, start=first), parts

    def _read(self, loss: Loss, output: Any, target: Any, kind: Target) -> tuple[Any, Any]:
        """What a part reads of what the sum is called with."""
        return _outputs_of(loss, output, kind), loss.read(kind, target) if self.also_for(kind) else target

    def idle(self, target: Tensor) -> Tensor:
        """Those that are idle in every part."""
        import torch

        return torch.stack([loss.idle(target) for loss in self.losses.values()]).all(0)

    def predict(self, output: Any, kind: Target) -> Prediction:
        """What any part says; where several say it, they agree."""
        found: dict[str, Tensor] = {}
        for loss in self.losses.values():
            found = {**loss.predict(_outputs_of(loss, output, kind), kind), **found}
        return Prediction(**found)


def _outputs_of(loss: Loss, output: Any, kind: Target) -> Any:
    """Of what the sum reads, what a part reads."""
    needs = loss.needs_for(kind)
    return {name: output[name] for name in needs} if needs else output


def _in_common(kinds: Sequence[Sequence[str]]) -> tuple[str, ...]:
    first, *others = kinds or [()]
    return tuple(kind for kind in first if all(kind in own for own in others))


def _outputs(of_one: int, of_two: int) -> str:
    """How many, of embeddings of one and of two numbers."""
    return str(of_one) if of_one == of_two else "as many as an embedding has"


def _unnamed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "name"}
