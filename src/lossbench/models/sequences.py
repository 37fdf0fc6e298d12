"""Modules for steps in time and for tokens: recurrent layers, and what reads their states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from lossbench.models.dropout import dropped
from lossbench.models.recurrent import Steps

if TYPE_CHECKING:
    from torch import Tensor


class Recurrent(nn.Module):
    """Recurrent layers as torch has them, one upon the other: steps (N, T, C) -> states (N, T, H).

    Dropout, of the states that the next layer reads and of those that are given, is lossbench's, so that
    members stack; torch's own between the layers of one module draws from one generator for all.

    Args:
        cell: gru, lstm, or rnn with tanh.
    """

    def __init__(self, cell: str, columns: int, hidden: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [columns, *[hidden] * (layers - 1)]
        self.layers = nn.ModuleList(_layer(cell, size, hidden) for size in sizes)
        self.dropout = nn.ModuleList(dropped(dropout) for _ in sizes)

    def forward(self, steps: Tensor) -> Tensor:
        for layer, dropout in zip(self.layers, self.dropout, strict=True):
            found = layer(steps)
            steps = dropout(found[0] if isinstance(layer, nn.LSTM) else found)
        return steps


def _layer(cell: str, columns: int, hidden: int) -> nn.Module:
    if cell == "lstm":
        return nn.LSTM(columns, hidden, batch_first=True)
    return Steps(cell, columns, hidden)


class LastState(nn.Module):
    """Steps (N, T, C) -> a linear layer on the last state (N, outputs)."""

    def __init__(self, layers: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.layers, self.last = layers, last

    def forward(self, steps: Tensor) -> Tensor:
        found: Tensor = self.last(self.layers(steps)[..., -1, :])
        return found


class EveryState(nn.Module):
    """Tokens (N, T) int64 -> a linear layer on every state (N, T, outputs).

    A state knows the tokens up to its own alone, so padding, which stands at the end, changes none before it.
    """

    def __init__(self, words: nn.Module, layers: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.words, self.layers, self.last = words, layers, last

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.last(self.layers(self.words(tokens)))
        return found


class LastToken(EveryState):
    """Tokens (N, T) int64, 0 is padding at the end -> a linear layer on the state at the last token.

    (N, outputs). A row of padding alone is read as one token of it.
    """

    def forward(self, tokens: Tensor) -> Tensor:
        states = self.layers(self.words(tokens))
        at = ((tokens != 0).sum(-1) - 1).clamp(min=0)
        of_last = torch.take_along_dim(states, at[..., None, None], dim=-2).squeeze(-2)
        found: Tensor = self.last(of_last)
        return found
