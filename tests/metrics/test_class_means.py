"""The nearest class mean agrees with scikit-learn's NearestCentroid."""

from __future__ import annotations

import torch
from sklearn.neighbors import NearestCentroid

from lossbench.metrics.class_means import nearest_mean_scores
from lossbench.metrics.classes import of_ranks, of_scores


def test_the_class_is_that_of_scikit_learns_nearest_centroid() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 6, (3, 80), generator=generator)
    train = torch.randn(3, 80, 5, generator=generator) + labels.unsqueeze(-1) / 3
    others = torch.randn(3, 40, 5, generator=generator)
    scores = nearest_mean_scores(train, labels, others, 6)
    assert scores.shape == (3, 40, 6)
    assert scores.dtype == torch.float32
    for number in range(3):
        model = NearestCentroid().fit(train[number].double(), labels[number])
        assert scores[number].argmax(-1).tolist() == model.predict(others[number].double()).tolist()
        distance = torch.cdist(others[number].double(), torch.from_numpy(model.centroids_))
        torch.testing.assert_close(scores[number].double(), -distance.square(), rtol=1e-5, atol=1e-5)


def test_distances_far_from_the_origin_keep_their_digits() -> None:
    train = torch.tensor([[[1000.0, 0.0], [1000.0, 0.01]]])
    scores = nearest_mean_scores(train, torch.tensor([[0, 1]]), train, 2)
    torch.testing.assert_close(scores, torch.tensor([[[0.0, -1e-4], [-1e-4, 0.0]]]), rtol=1e-3, atol=0)


def test_a_class_that_training_lacks_is_never_chosen_and_spoils_nothing() -> None:
    train, labels = torch.randn(1, 20, 4), torch.arange(20)[None] % 2
    scores = nearest_mean_scores(train, labels, train, 3)
    assert scores.isfinite().all()
    assert (scores.argmax(-1) != 2).all()
    truth = torch.arange(20)[None] % 3
    assert all(
        result.isfinite().all() for result in (of_scores(scores, truth) | of_ranks(scores, truth)).values()
    )
