"""What a model is to the rest of the house: a plain nn.Module whose last layer is sized by the loss."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lossbench.config.choice import Choice, knob
from lossbench.task import InputKind, Inputs, Noise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from lossbench.data.cache import Preparing


@dataclass(frozen=True, kw_only=True)
class Model(Choice):
    """A model as a config names it.

    reads: kinds of input it can read; none named: any.
    gives: the names of its outputs, where its module returns several by name.
    places: whether its module gives a row of outputs for each place of a target (a step, a pixel, a token).
        Else it gives one row an example, which is laid out over the places.
    embedding_size: length of the embedding, where the loss or the task asks for one.
    """

    part = "model"
    remedy: ClassVar[str] = "see lossbench.models.model"  # where its outputs are not what the loss asks for
    reads: ClassVar[tuple[InputKind, ...]]
    gives: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[bool] = False
    embedding_size: int = knob(64, at_least=1)

    def noise(self, inputs: Inputs) -> Mapping[str, Noise]:
        """The random numbers that the module's forward wants: it is then called with (inputs, noise by name).

        They are drawn apart from the module, from the seed, so that all losses of a seed see the same.
        """
        return {}

    def asked(self, asks: Mapping[str, Any]) -> Model:
        """Itself, or one that does what a loss asks of it beside its outputs, as `Loss.asks` says."""
        return self

    def altered(self, **values: Any) -> Self:
        """A copy with other values of what is no knob."""
        own = copy.copy(self)
        for name, value in values.items():
            object.__setattr__(own, name, value)
        return own

    @property
    def file_knobs(self) -> tuple[str, ...]:
        """Knobs that say where files lie: their content is what a run is known by, in `fingerprint`."""
        return ()

    def fingerprint(self) -> str:
        """What tells the content of its files from others; "" where it reads none."""
        return ""

    @property
    def preparing(self) -> Preparing | None:
        """Itself, where it computes what its module reads of the data once, before any run trains."""
        return None

    def at_places(self, reads: InputKind) -> bool:
        """Whether it gives a row for each place where it reads this kind of input; as `places` says."""
        return self.places

    @abstractmethod
    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """A module (N, *inputs.shape) -> (N, outputs), freshly initialised from torch's current generator.

        At places it gives (N, *places, outputs), with `gives` a dict of tensors (N, ...), of which
        `output` is what a loss reads that asks for no names. In evaluation it may give more, or other names:
        what the loss does not read is a prediction as it is, for the measures. What is the same for all
        examples (the vectors of all items) may have one row.
        Layers are made in order, input first, so that two builds from one seed differ in the last layer
        alone when only `outputs` differs.
        """

    def remark(self, module: nn.Module) -> str | None:
        """What is worth saying once of a module that it made."""
        return None
