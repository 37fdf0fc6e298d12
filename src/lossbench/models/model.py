"""What a model is to the rest of the house: a plain nn.Module whose last layer is sized by the loss."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import Choice, knob
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Model(Choice):
    """A model as a config names it.

    reads: kinds of input it can read; none named: any.
    embedding_size: length of the embedding, where the loss or the task asks for one.
    """

    part = "model"
    remedy: ClassVar[str] = "see lossbench.models.model"  # where its outputs are not what the loss asks for
    reads: ClassVar[tuple[InputKind, ...]]
    embedding_size: int = knob(64, at_least=1)

    @abstractmethod
    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """A module (N, *inputs.shape) -> (N, outputs), freshly initialised from torch's current generator.

        Layers are made in order, input first, so that two builds from one seed differ in the last layer
        alone when only `outputs` differs.
        """

    def remark(self, module: nn.Module) -> str | None:
        """What is worth saying once of a module that it made."""
        return None
