"""What recommends without training: what most people took, and what goes with what a user has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from lossbench.task import Prediction

if TYPE_CHECKING:
    from lossbench.data.baseline import Baseline
    from lossbench.data.source import DataSet, Examples


def most_popular(data: DataSet, examples: Examples) -> Prediction:
    """Items by how many users have them in training, the same for everybody."""
    return Prediction(all_items=data.shared["count"].expand(len(examples), -1))


def item_cosine(data: DataSet, examples: Examples) -> Prediction:
    """Items by how much they go with those of a user: the sum of the cosines of who has both.

    Source:
        Sarwar, Karypis, Konstan, Riedl, "Item-Based Collaborative Filtering Recommendation Algorithms" (WWW
        2001), section 3.1.1, with all neighbours.
    """
    import numpy as np
    import torch
    from scipy.sparse import csr_matrix

    train, parts = data.train.rows, data.description.inputs.parts
    shape = tuple(parts[name].vocabulary for name in ("user", "item"))
    user, item = (data.inputs[name][train].numpy() for name in ("user", "item"))
    has = csr_matrix((np.ones(len(train), dtype=np.float32), (user, item)), shape=shape)
    length = np.sqrt(np.maximum(np.asarray(has.sum(0)).ravel(), 1))
    mine = has[data.inputs["user"][examples.rows].numpy()]
    # By users who share something, or a table of all items by all items would have to be held.
    scores = (mine.multiply(1 / length).tocsr() @ has.T) @ has
    return Prediction(all_items=torch.from_numpy(np.asarray(scores.todense()) / length).float())


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {"most popular": most_popular, "item-item cosine": item_cosine}
)
