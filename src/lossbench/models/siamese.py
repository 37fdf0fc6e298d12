"""Two inputs of one kind, such as two texts, read by one encoder with the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.errors import InputError, suggestion
from lossbench.models.model import Model
from lossbench.task import Inputs

if TYPE_CHECKING:
    from torch import nn

SIDES = ("left", "right")
_PAIRED = {"tokens": "token_pair"}  # what two inputs of a kind are called; of others as `image_pair`
_KNOBS = "'model.knobs={hidden: [64]}'"


@dataclass(frozen=True, kw_only=True)
class Siamese(Model):
    """One encoder for both inputs of a pair (Bromley and others, NIPS 1993).

    It gives `left` and `right`, (N, E) each, and in training `other` (N, K, E), of hard ones, where the data
    has them. For a loss that reads one output, such as mse on a score or cce on a label, a linear layer is on
    both and on how far they lie apart (`models.head.Compared`).

    encoder: the model that reads each of them, by the name of its YAML: text, linear, mlp, cnn, ...
    knobs: of the encoder, where they are not to be as its YAML says. Those that are listed are searched as
        they are in a model that stands alone.
    inner_model: set here, the encoder.

    Raises:
        InputError: the encoder is not known, cannot be made, or reads pairs itself.
    """

    name: str = "siamese"
    gives: ClassVar[tuple[str, ...]] = (*SIDES, "other")
    encoder: str = knob("text")
    knobs: Mapping[str, Any] | None = knob(None, optional=True)
    inner_model: Model | None = field(init=False, default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        from lossbench.config.making import make

        super().__post_init__()
        try:
            made = make("model", Model, _node(self.encoder, self.knobs))
        except InputError as error:
            raise InputError(f"Of model={self.name} its encoder {self.encoder}: {error}") from error
        assert isinstance(made, Model)
        if made.gives or made.places or not made.reads:
            raise InputError(
                f"model.encoder={self.encoder} gives no one embedding for each input: choose text, linear, "
                "mlp or cnn."
            )
        reads = tuple(_PAIRED.get(kind, f"{kind}_pair") for kind in made.reads)
        object.__setattr__(self, "reads", reads)
        object.__setattr__(self, "inner_model", made)

    @classmethod
    def inner(cls, node: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The node of the encoder, with what its YAML says."""
        return {"knobs": _node(node.get("encoder"), node.get("knobs"))}

    @classmethod
    def completed(cls, node: Mapping[str, Any]) -> dict[str, Any]:
        """With the node of the encoder, so that a record holds all that it is made of."""
        return {**node, "_recursive_": False, "knobs": _node(node.get("encoder"), node.get("knobs"))}

    def values(self) -> dict[str, Any]:
        """As of every choice; of the encoder all its knobs, and the class, which is no param of a run."""
        own = self.inner_model
        assert own is not None
        named = {
            name: value for name, value in own.values().items() if name not in ("name", "embedding_size")
        }
        path = f"{type(own).__module__}.{type(own).__qualname__}"
        return {**super().values(), "knobs": {"_class": path, **named}}

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """{"left": (N, ...), "right": (N, ...)} -> the same names, (N, outputs) each.

        Raises:
            InputError: the encoder cannot read such inputs.
        """
        from lossbench.models.head import Both

        assert self.inner_model is not None
        return Both(self.inner_model.build(inputs.parts[SIDES[0]], outputs))

    def remark(self, module: nn.Module) -> str | None:
        """What the encoder says of itself."""
        assert self.inner_model is not None
        return self.inner_model.remark(module)


def _node(encoder: Any, knobs: Any) -> dict[str, Any]:
    """What the YAML of the encoder says, with the knobs that are given; of a record all is in these."""
    from omegaconf import OmegaConf

    from lossbench.config.folders import choices, node_in, searched
    from lossbench.config.foreign import plain

    if knobs is not None and not isinstance(knobs, Mapping):  # also a DictConfig, which is a MutableMapping
        raise InputError(f"model.knobs must hold knobs of the encoder, as in {_KNOBS}; got {knobs!r}.")
    if "_target_" in (knobs or {}):
        return {**plain(knobs or {}), "name": str(encoder)}
    known = choices("model", searched())
    if not isinstance(encoder, str) or encoder not in known or encoder == "siamese":
        others = [name for name in known if name != "siamese"]
        raise InputError(f"model.encoder={encoder} is no model ({suggestion(str(encoder), others)}).")
    node: Any = OmegaConf.to_container(OmegaConf.merge(node_in(known[encoder]), knobs or {}))
    return {**node, "name": str(encoder)}
