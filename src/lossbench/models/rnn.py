"""A recurrent network on the steps of a series, or on tokens."""

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
class RNN(Model):
    """Recurrent layers and a linear one: GRU, LSTM or plain, with PyTorch's initial weights.

    Of a series, and of a text that is judged as a whole, the last state is read; of tokens whose next one is
    predicted, every state.

    cell: gru (Cho and others 2014), lstm (Hochreiter and Schmidhuber 1997), rnn (Elman 1990, tanh).
    hidden: numbers of a state.
    layers: one upon the other.
    word_size: length of a token's vector; of a series there is none.
    dropout: share of the states of each layer that is dropped in training, as the next layer, or the linear
        one, reads them; what a layer remembers itself is not (Zaremba and others 2014). Searched as that of
        an mlp.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("series", "causal_tokens", "tokens")
    cell: str = knob("gru", choices=("gru", "lstm", "rnn"))
    hidden: int = knob(64, at_least=1)
    layers: int = knob(1, at_least=1)
    word_size: int = knob(64, at_least=1)
    dropout: float = knob(0.0, at_least=0, below=1, search=linear(0, 0.5))

    def at_places(self, reads: InputKind) -> bool:
        return reads == "causal_tokens"

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, steps, columns), or (N, length) int64 -> (N, outputs), or (N, length, outputs)."""
        from torch import nn

        from lossbench.models.sequences import EveryState, LastState, LastToken, Recurrent

        columns = inputs.shape[1] if inputs.kind == "series" else self.word_size
        words = None if inputs.kind == "series" else nn.Embedding(inputs.vocabulary, self.word_size)
        layers = Recurrent(self.cell, columns, self.hidden, self.layers, self.dropout)
        last = nn.Linear(self.hidden, outputs)
        if words is None:
            return LastState(layers, last)
        return (EveryState if inputs.kind == "causal_tokens" else LastToken)(words, layers, last)
