"""What losses on clicks share: the item that a user took against those that were drawn for him."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.loss import Loss
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from torch import Tensor

READ = ("user", "item", "other")


def scored(output: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The products of users with the items that they took (N,), and with those drawn for them (N, K).

    Args:
        output: `user` and `item` (N, E), `other` (N, K, E).

    Raises:
        ValueError: the shapes do not fit.
    """
    user, item, other = (output[name] for name in READ)
    if item.shape != user.shape or other.shape[:1] != user.shape[:1] or other.shape[2:] != user.shape[1:]:
        raise ValueError(
            "user and item must both be (N, embedding) and other (N, drawn, embedding); got "
            f"{tuple(user.shape)}, {tuple(item.shape)} and {tuple(other.shape)}"
        )
    return (user * item).sum(-1), (user.unsqueeze(-2) * other).sum(-1)


def pairs(output: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Scores of pairs of a user and an item (N, 1 + K), what he took first; 1 or 0, whether he took it."""
    import torch

    right, wrong = scored(output)
    scores = torch.cat([right.unsqueeze(-1), wrong], -1)
    return scores, (torch.arange(scores.shape[-1], device=scores.device) == 0).long().expand_as(scores)


@dataclass(frozen=True, kw_only=True)
class ClickLoss(Loss):
    """Losses of clicks alone. Where items stand in the end follows from their products with a user."""

    trains_on = ("item",)
    needs = READ

    def outputs(self, target: Target, embedding_size: int) -> int:
        """As long as the vectors."""
        return embedding_size

    def predict(self, output: Mapping[str, Tensor], kind: Target) -> Prediction:
        """Nothing of its own."""
        return Prediction()
