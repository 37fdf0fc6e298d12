"""How near each item is to a user, as the loss has trained it: by what items are ranked at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Nearness = Literal["dot", "distance", "cosine"]


def all_items(user: Tensor, items: Tensor, nearness: Nearness) -> Tensor:
    """Scores of all items, the nearer the larger: (..., N, items).

        dot       u . v
        distance  u . v - |v|^2 / 2, which orders as -|u - v| does
        cosine    u . v / |v|, which orders as the cosine does

    Args:
        user: (..., N, E).
        items: (..., 1, items, E), or without the 1.
        nearness: which of these.
    """
    vectors = items.squeeze(-3) if items.ndim > user.ndim else items
    if nearness == "cosine":
        vectors = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    scores = user @ vectors.mT
    if nearness == "distance":
        scores = scores - (vectors.square().sum(-1) / 2).unsqueeze(-2)
    return scores
