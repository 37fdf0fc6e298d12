"""A multilayer perceptron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.config.search import linear
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class MLP(Model):
    """Linear layers with ReLU between them, on a vector, a flattened image or a TF-IDF row.

    hidden: widths of the hidden layers, input side first; an empty list gives a linear model.
    dropout: share of each hidden layer that is dropped in training. Searched up to a half, as most who drop
        do (Srivastava and others 2014).
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("vector", "image", "tfidf")
    hidden: tuple[int, ...] = knob((64, 64), at_least=1)
    dropout: float = knob(0.0, at_least=0, below=1, search=linear(0, 0.5))

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, *inputs.shape) -> (N, outputs)."""
        from lossbench.models.layers import first_layer, perceptron

        first = first_layer(inputs, [*self.hidden, outputs][0])
        return perceptron(first, self.hidden, outputs, self.dropout)
