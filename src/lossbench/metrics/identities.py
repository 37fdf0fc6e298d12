"""Metrics of embeddings of people or classes that training never saw, for all members at once.

Embeddings are scaled to length 1 and compared by Euclidean distance, which orders pairs as cosine
similarity does; the same for every loss. Similarities are rounded to nine decimals: what a collapsed
embedding differs by in its last bits decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from lossbench.metrics.ranking import roc

if TYPE_CHECKING:
    from torch import Tensor

DECIMALS = 9
FALSE_ACCEPT_RATE = 0.01
NAMES = ("verification_auc", "eer", "tar_at_far_0.01", "recall_at_1", "map_at_r")


def identities(embedding: Tensor, identity: Tensor) -> dict[str, Tensor]:
    """verification_auc, eer and tar_at_far_0.01 over all pairs; recall_at_1 and map_at_r over all queries.

    verification_auc: a pair of one identity is the positive; ties count half.
    eer: between two thresholds the curve is a straight line.
    tar_at_far_0.01: the best threshold that accepts at most 1% of the pairs of two identities.
    recall_at_1, map_at_r: each example queries all others; those whose identity occurs once are left out
        (Musgrave et al., "A Metric Learning Reality Check", ECCV 2020). An example of another identity at
        the same distance stands in front: a collapsed embedding finds nothing.
    Without pairs of both kinds the first three are NaN; without pairs of one identity all are.

    Args:
        embedding: (R, N, E), finite; a zero vector is equally far from all.
        identity: (R, N) int64.

    Returns:
        (R,) float64 each. Memory grows with R * N * N.
    """
    if identity.shape[-1] < 2:
        nothing = torch.full((len(identity),), torch.nan, dtype=torch.float64, device=identity.device)
        return dict.fromkeys(NAMES, nothing)
    unit = F.normalize(embedding.double(), dim=-1)
    similarity = (unit @ unit.transpose(-1, -2)).round(decimals=DECIMALS)
    same = identity.unsqueeze(-1) == identity.unsqueeze(-2)
    first, second = torch.triu_indices(same.shape[-2], same.shape[-1], offset=1, device=same.device)
    curve = roc(similarity[:, first, second], same[:, first, second])
    return {
        "verification_auc": curve.area(),
        "eer": curve.equal_error(),
        "tar_at_far_0.01": curve.true_rate_at(FALSE_ACCEPT_RATE),
        **_retrieval(-similarity, same),
    }


def _retrieval(distance: Tensor, same: Tensor) -> dict[str, Tensor]:
    """recall_at_1 and map_at_r from distances and `same`, both (R, N, N)."""
    itself = torch.eye(same.shape[-1], dtype=torch.bool, device=same.device)
    relevant = (same & ~itself).sum(-1)  # (R, N): the R of each query
    most = max(int(relevant.max()), 1)
    others = distance.masked_fill(same, torch.inf).sort(-1).values
    matches = distance.masked_fill(~same | itself, torch.inf).topk(most, largest=False).values
    place = torch.arange(1, matches.shape[-1] + 1, device=same.device)
    # The k-th match stands behind k-1 matches and every other that is as near as it.
    rank = place + torch.searchsorted(others, matches, right=True)
    # Places without a match are infinitely far, and so behind all examples: none counts.
    precision = (place / rank * (rank <= relevant.unsqueeze(-1))).double().sum(-1) / relevant
    queries = relevant > 0
    asked = queries.sum(-1)
    return {
        "recall_at_1": (rank[..., 0] == 1).sum(-1).double() / asked,
        "map_at_r": torch.where(queries, precision, 0).sum(-1) / asked,
    }
