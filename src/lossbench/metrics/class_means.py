"""Classes from embeddings: the nearest class mean, so that embedding losses share the metrics of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import Tensor


def nearest_mean_scores(
    train_embeddings: Tensor, train_labels: Tensor, embeddings: Tensor, classes: int
) -> Tensor:
    """Minus the squared Euclidean distance to the mean training embedding of each class.

    Args:
        train_embeddings: (R, N, E).
        train_labels: (R, N) int64, 0 .. classes-1.
        embeddings: (R, M, E), what is to be classified.
        classes: C; one without training examples gets the lowest finite score.

    Returns:
        scores (R, M, C) of the embeddings' type.
    """
    member = F.one_hot(train_labels, classes).to(train_embeddings.dtype)
    count = member.sum(-2)
    means = member.transpose(-1, -2) @ train_embeddings / count.clamp(min=1).unsqueeze(-1)
    # Not by matrix product: |x|^2 - 2xm + |m|^2 cancels where embeddings are far from the origin.
    distance = torch.cdist(embeddings, means, compute_mode="donot_use_mm_for_euclid_dist")
    lowest = torch.finfo(distance.dtype).min
    return (-distance.square()).masked_fill((count == 0).unsqueeze(-2), lowest)
