"""Two towers: a table of vectors for users and one for items, whose product says who likes what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Towers(Model):
    """Matrix factorisation (Koren, Bell and Volinsky 2009), or two networks on what it would multiply.

    embedding_size: length of the vector of a user and of an item.
    bias: each item has a number of its own, which is added to its product with any user: one number more in
        each vector, which is 1 of a user, so that distances know it, too. Values also have one of each user.
    hidden: widths of hidden layers behind each table; none: the rows of the tables are the vectors.

    In training it gives `user` and `item` (N, E), `other` (N, K, E), and `items` (1, items, E), the vectors
    of all items; in evaluation `user` and `items`, of which follows how near each is (`losses.nearness`).
    Losses of values read their product, `output` (N, 1). Tables are dense: a step takes time for each row.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("user_item",)
    gives: ClassVar[tuple[str, ...]] = ("user", "item", "other", "items", "output")
    remedy: ClassVar[str] = "model=towers gives vectors by name, or one number for a user and an item"
    embedding_size: int = knob(16, at_least=1)
    bias: bool = knob(True)
    hidden: Sequence[int] = knob((), at_least=1)

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """{"user": (N,), "item": (N,), "other": (N, K)} int64 -> vectors by name, as above.

        Args:
            inputs: of users and items.
            outputs: 1, of a loss of values, or the length of the vectors: the tables are the same.
        """
        from lossbench.models.tables import Tables

        users, items = (inputs.parts[name].vocabulary for name in ("user", "item"))
        return Tables(users, items, self.embedding_size, tuple(self.hidden), bias=self.bias)
