"""The layers of a transformer that reads from left to right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional as F

from lossbench.models.dropout import dropped

if TYPE_CHECKING:
    from torch import Tensor


class CausalBlock(nn.Module):
    """Attention to the places up to one's own, then a network at each place; (N, T, width) -> the same.

    Equal to nn.TransformerEncoderLayer with `norm_first`, gelu and a causal mask, also in how weights are
    drawn. The output of both parts is dropped before it is added (Vaswani and others 2017, section 5.4).
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.read, self.attended = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.xavier_uniform_(self.read.weight)
        nn.init.zeros_(self.read.bias)
        nn.init.zeros_(self.attended.bias)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout1, self.dropout2 = dropped(dropout), dropped(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout1(self._attention(self.norm1(x)))
        added: Tensor = self.dropout2(self.linear2(F.gelu(self.linear1(self.norm2(x)))))
        return x + added

    def _attention(self, x: Tensor) -> Tensor:
        parts = self.read(x).unflatten(-1, (3, self.heads, -1)).movedim(-4, -2)  # (N, 3, heads, T, ..)
        queries, keys, values = parts.unbind(-4)
        found = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        attended: Tensor = self.attended(found.transpose(-3, -2).flatten(-2))
        return attended


class CausalTransformer(nn.Module):
    """Tokens (N, T) int64 -> at each place a linear layer on what its tokens up to there say (N, T, outputs).

    Args:
        context: the longest T.
    """

    def __init__(
        self, vocabulary: int, context: int, width: int, heads: int, layers: int, dropout: float, outputs: int
    ) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.dropout = dropped(dropout)
        self.blocks = nn.Sequential(*[CausalBlock(width, heads, dropout) for _ in range(layers)])
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places.weight[: tokens.shape[-1]]
        found: Tensor = self.last(self.norm(self.blocks(self.dropout(x))))
        return found
