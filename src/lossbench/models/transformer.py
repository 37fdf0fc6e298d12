"""A small transformer that predicts the next token at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.config.search import linear
from lossbench.errors import InputError
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Transformer(Model):
    """A transformer that reads from left to right (Radford and others 2019): learned places, norms in front
    of each part and behind the last, gelu. PyTorch's initial weights; vectors of words and those of outputs
    are apart.

    layers: of attention, each with a network of four times the width.
    heads: of attention in a layer; they share the width.
    width: numbers at each place.
    dropout: share that is dropped in training, of the vectors in front and of what each part adds. Searched
        as that of an mlp.

    Raises:
        InputError: the width cannot be shared.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("causal_tokens",)
    places: ClassVar[bool] = True
    layers: int = knob(2, at_least=1)
    heads: int = knob(4, at_least=1)
    width: int = knob(64, at_least=1)
    dropout: float = knob(0.0, at_least=0, below=1, search=linear(0, 0.5))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise InputError(
                f"model.width={self.width} is not shared by model.heads={self.heads}: set a width of "
                f"{self.heads * max(1, round(self.width / self.heads))}, or other heads."
            )

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, length) int64 -> (N, length, outputs)."""
        from lossbench.models.causal import CausalTransformer

        return CausalTransformer(
            inputs.vocabulary, inputs.shape[0], self.width, self.heads, self.layers, self.dropout, outputs
        )
