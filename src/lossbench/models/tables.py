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
    """A table of rows (size,), with a number of its own behind each where there is a bias; and a network.

    Numbers stand in the table itself: one look is faster than two, and of all items the table is what is
    asked for.
    """

    def __init__(self, rows: int, size: int, hidden: tuple[int, ...], *, bias: bool) -> None:
        super().__init__()
        self.size = size
        vectors = torch.randn(rows, size) * _SCALE
        self.table = nn.Parameter(torch.cat([vectors, torch.zeros(rows, 1)], 1) if bias else vectors)
        self.net = perceptron(nn.Linear(size, hidden[0]), hidden, size, 0.0) if hidden else None

    def forward(self, row: Tensor) -> Tensor:
        """Rows (...) int64 -> vectors and their number (..., size + 1)."""
        return self._whole(F.embedding(row, self.table))

    def all(self) -> Tensor:
        """Of all rows."""
        return self._whole(self.table)

    def _whole(self, found: Tensor) -> Tensor:
        if self.net is None:
            return found
        return torch.cat([self.net(found[..., : self.size]), found[..., self.size :]], -1)


class Tables(nn.Module):
    """See `models.towers`."""

    def __init__(self, users: int, items: int, size: int, hidden: tuple[int, ...], *, bias: bool) -> None:
        super().__init__()
        self.users = Tower(users, size, hidden, bias=bias)
        self.items = Tower(items, size, hidden, bias=bias)
        self.size = size

    def forward(self, read: dict[str, Tensor]) -> dict[str, Tensor]:
        own, both = self.users(read["user"]), read["item"].unsqueeze(-1)
        if self.training:
            both = torch.cat([both, read["other"]], -1)  # one look at the table, as a second costs as much
        near = self.items(both)
        user, item = F.pad(own[..., : self.size], (0, near.shape[-1] - self.size), value=1.0), near[..., 0, :]
        value = (user * item).sum(-1, keepdim=True)
        found = {"user": user, "items": self.items.all().unsqueeze(0)}
        found["output"] = value + own[..., self.size :].sum(-1, keepdim=True)
        return found | {"item": item, "other": near[..., 1:, :]} if self.training else found
