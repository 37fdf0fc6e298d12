"""Training pays: an embedding learned from some people knows others better than pixels and eigenfaces do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from lossbench.data.source import DataSet
from lossbench.job import Member
from lossbench.metrics.identities import identities
from lossbench.pack.fate import MemberResult

Train = Callable[..., list[tuple[Member, MemberResult]]]

SPLITS = range(3)  # of the people, by seed
KNOBS = "data=faces model=cnn model.channels=[8,16] model.hidden=128 loss=triplet loss.mining=hard"


def verification_auc(embedding: torch.Tensor, data: DataSet) -> float:
    """As lossbench judges what it trains."""
    people = data.test.targets["identity"]
    return float(identities(embedding.double().unsqueeze(0), people.unsqueeze(0))["verification_auc"])


def untrained(data: DataSet) -> dict[str, float]:
    """Raw pixels, and eigenfaces of what training sees: its people, mirrored and moved, too."""
    images = data.inputs.flatten(1)
    seen, unseen = images[data.train.rows], images[data.test.rows]
    pca = PCA(100, svd_solver="randomized", random_state=0).fit(seen.numpy())
    eigenfaces = torch.from_numpy(pca.transform(unseen.numpy()))
    whitened = eigenfaces / torch.from_numpy(pca.explained_variance_).sqrt()
    return {
        "pixels": verification_auc(unseen, data),
        "100 eigenfaces": verification_auc(eigenfaces, data),
        "40 eigenfaces": verification_auc(eigenfaces[:, :40], data),
        "100 eigenfaces, whitened": verification_auc(whitened, data),
    }


@pytest.mark.slow
def test_a_trained_embedding_beats_pixels_and_eigenfaces(train: Train) -> None:
    fitted = train(*[f"{KNOBS} trainer.max_epochs=3 seed={seed}" for seed in SPLITS], mode="loop")
    trained = np.mean([result.metrics["test/verification_auc"] for _, result in fitted])
    others = [untrained(member.source.load(member.seed, member.reads)) for member, _ in fitted]
    means = {name: float(np.mean([each[name] for each in others])) for name in others[0]}
    assert means["pixels"] > 0.94  # as measured elsewhere: no weaker baseline slipped in
    assert trained > max(means.values()) + 0.005, means
