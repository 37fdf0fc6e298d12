"""Tables of vectors for users and items, as `model=towers` builds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from lossbench.models.layers import perceptron

if TYPE_CHECKING:
    from torch import Tensor

_SCALE = 0.1  # of initial vectors: their products are then near 0, where losses of scores are steep


class Tower(nn.Module):
    """One table (rows, size), and what stands behind it.

    Args:
        ahead: whether the bias stands before the 1 at the end of a vector, which it meets in the other tower.
    """

    def __init__(self, rows: int, size: int, hidden: tuple[int, ...], *, bias: bool, ahead: bool) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(rows, size) * _SCALE)
        self.net = perceptron(nn.Linear(size, hidden[0]), hidden, size, 0.0) if hidden else nn.Identity()
        self.bias = nn.Parameter(torch.zeros(rows, 1)) if bias else None
        self.ahead = ahead

    def forward(self, row: Tensor) -> Tensor:
        """Rows (...) int64 -> vectors (..., E)."""
        bias = None if self.bias is None else F.embedding(row, self.bias)
        return self._whole(F.embedding(row, self.table), bias)

    def all(self) -> Tensor:
        """The vectors of all rows: (rows, E)."""
        return self._whole(self.table, self.bias)

    def _whole(self, vectors: Tensor, bias: Tensor | None) -> Tensor:
        vectors = self.net(vectors)
        if bias is None:
            return vectors
        one = torch.ones_like(bias)
        return torch.cat([vectors, *((bias, one) if self.ahead else (one, bias))], -1)


class Tables(nn.Module):
    """See `models.towers`."""

    def __init__(self, users: int, items: int, size: int, hidden: tuple[int, ...], *, bias: bool) -> None:
        super().__init__()
        self.users = Tower(users, size, hidden, bias=bias, ahead=True)
        self.items = Tower(items, size, hidden, bias=bias, ahead=False)

    def forward(self, read: dict[str, Tensor]) -> dict[str, Tensor]:
        user, item = self.users(read["user"]), self.items(read["item"])
        found = {"user": user, "items": self.items.all().unsqueeze(0)}
        found["output"] = (user * item).sum(-1, keepdim=True)
        return found | {"item": item, "other": self.items(read["other"])} if self.training else found
