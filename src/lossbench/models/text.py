"""A text model: word vectors, their mean, an MLP."""

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
class Text(Model):
    """A deep averaging network (Iyyer et al., ACL 2015): padding counts for nothing.

    word_size: length of a word's vector.
    hidden: widths of the hidden layers after the mean, input side first.
    dropout: share of each hidden layer that is dropped in training. Searched as that of an mlp.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("tokens",)
    word_size: int = knob(64, at_least=1)
    hidden: tuple[int, ...] = knob((64,), at_least=1)
    dropout: float = knob(0.0, at_least=0, below=1, search=linear(0, 0.5))

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, length) int64, 0 is padding -> (N, outputs); a row of padding alone reads as zeros."""
        from torch import nn

        from lossbench.models.layers import MeanOfWords, perceptron

        words = MeanOfWords(inputs.vocabulary, self.word_size)
        first = nn.Sequential(words, nn.Linear(self.word_size, [*self.hidden, outputs][0]))
        return perceptron(first, self.hidden, outputs, self.dropout)
