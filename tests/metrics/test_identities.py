"""Metrics of identities agree with scikit-learn and pytorch-metric-learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics as reference
from torch import Tensor

from lossbench.metrics.identities import identities

KINDS = ["balanced", "imbalance", "alone"]


def made(members: int, kind: str, noise: float = 1.0) -> tuple[Tensor, Tensor]:
    """Embeddings (R, N, E) around one centre per identity, and identities (R, N), shuffled."""
    sizes = {"balanced": [6] * 7, "imbalance": [25, 2, 3, 9], "alone": [8, 1, 5, 1, 7]}[kind]
    generator = torch.Generator().manual_seed(len(kind))
    ordered = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)) + 30
    labels = torch.stack([ordered[torch.randperm(len(ordered), generator=generator)] for _ in range(members)])
    centres = torch.randn(members, 64, 8, generator=generator)
    own = centres.gather(1, labels.unsqueeze(-1).expand(-1, -1, 8))
    return own + noise * torch.randn(own.shape, generator=generator), labels


def pairs(embedding: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth of all pairs, by scikit-learn, in float64."""
    score = reference.pairwise.cosine_similarity(embedding.double().numpy())
    upper = np.triu_indices(len(labels), 1)
    return score[upper], (labels[:, None] == labels[None, :]).numpy()[upper]


@pytest.mark.parametrize("members", [1, 5])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [0.1, 1.0, 5.0])
def test_pairs_are_judged_as_on_scikit_learns_curve(members: int, kind: str, noise: float) -> None:
    embedding, labels = made(members, kind, noise)
    results = identities(embedding, labels)
    for number in range(members):
        score, same = pairs(embedding[number], labels[number])
        false, true, _ = reference.roc_curve(same, score, drop_intermediate=False)
        assert float(results["verification_auc"][number]) == pytest.approx(
            reference.roc_auc_score(same, score)
        )
        assert float(results["tar_at_far_0.01"][number]) == pytest.approx(true[false <= 0.01].max())
        error = brentq(lambda x, f=false, t=true: 1 - x - interp1d(f, t)(x), 0, 1)
        # interp1d is arbitrary on the vertical parts of the curve: by one step at most
        assert float(results["eer"][number]) == pytest.approx(error, abs=1 / (~same).sum())


@pytest.mark.parametrize("members", [1, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_are_judged_as_by_pytorch_metric_learning(members: int, kind: str) -> None:
    embedding, labels = made(members, kind)
    calculator = AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision_at_r"),
        k="max_bin_count",
        knn_func=CustomKNN(CosineSimilarity()),
    )
    results = identities(embedding, labels)
    for number in range(members):
        expected = calculator.get_accuracy(embedding[number].double(), labels[number])
        assert float(results["recall_at_1"][number]) == pytest.approx(expected["precision_at_1"])
        assert float(results["map_at_r"][number]) == pytest.approx(expected["mean_average_precision_at_r"])


def test_the_equal_error_by_hand() -> None:
    """Unit vectors on a circle; same pairs at 10 and 50 degrees, others at 20 or more."""
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 30.0, 80.0], dtype=torch.float64))
    embedding = torch.stack([angles.cos(), angles.sin()], dim=-1)[None]
    labels = torch.tensor([[0, 0, 1, 1]])
    # In rising angle: 10 same, 20 other, 30 other, 50 same, 70 other, 80 other. Curve (false, true):
    # (0, 1/2) (1/4, 1/2) (1/2, 1/2) (1/2, 1): at false 1/2 half of the true pairs are rejected.
    results = identities(embedding, labels)
    assert float(results["eer"]) == pytest.approx(0.5)
    assert float(results["verification_auc"]) == pytest.approx(0.5 * 0.5 + 0.5)
    assert float(results["tar_at_far_0.01"]) == pytest.approx(0.5)
    # 0 and 10 find each other; 30 finds 10, 80 finds 30, which is its own.
    assert float(results["recall_at_1"]) == pytest.approx(3 / 4)
    assert float(results["map_at_r"]) == pytest.approx(3 / 4)


def test_the_equal_error_lies_on_a_line_across_ties() -> None:
    """All pairs alike: one threshold accepts all, the one before it none; the line between them meets 1/2."""
    results = identities(torch.ones(1, 6, 3), torch.tensor([[0, 0, 1, 1, 2, 2]]))
    assert float(results["eer"]) == pytest.approx(0.5)


@pytest.mark.parametrize("rounding", [0.0, 1e-7])
def test_a_collapsed_embedding_finds_nothing(rounding: float) -> None:
    """Photographs lie in memory person by person: ties broken by place would look like a perfect model."""
    labels = torch.arange(5).repeat_interleave(4)[None]
    noise = torch.randn(1, 20, 16, generator=torch.Generator().manual_seed(0))
    results = {k: float(v) for k, v in identities(torch.ones(1, 20, 16) + rounding * noise, labels).items()}
    expected = {"verification_auc": 0.5, "eer": 0.5, "tar_at_far_0.01": 0, "recall_at_1": 0, "map_at_r": 0}
    assert results == pytest.approx(expected)


def test_a_perfect_embedding_is_perfect() -> None:
    labels = torch.arange(5).repeat_interleave(4)[None]
    results = {k: float(v) for k, v in identities(torch.eye(5)[labels], labels).items()}
    expected = {"verification_auc": 1, "eer": 0, "tar_at_far_0.01": 1, "recall_at_1": 1, "map_at_r": 1}
    assert results == pytest.approx(expected)


def test_length_does_not_matter() -> None:
    embedding, labels = made(2, "balanced")
    longer = embedding * torch.rand(2, embedding.shape[1], 1) * 100
    for name, result in identities(longer, labels).items():
        torch.testing.assert_close(result, identities(embedding, labels)[name])


@pytest.mark.parametrize(
    ("labels", "defined"),
    [
        ([0, 0, 0, 0], {"recall_at_1", "map_at_r"}),  # no pair of two
        ([0, 1, 2, 3], set()),  # no pair of one
    ],
)
def test_what_the_labels_do_not_define_is_nan(labels: list[int], defined: set[str]) -> None:
    results = identities(torch.randn(2, 4, 3), torch.tensor([labels, labels]))
    assert {name for name, result in results.items() if result.isfinite().all()} == defined
    assert all(result.isnan().all() for name, result in results.items() if name not in defined)


def test_a_zero_embedding_stays_finite() -> None:
    embedding, labels = made(1, "balanced")
    embedding[0, 3] = 0
    assert all(result.isfinite().all() for result in identities(embedding, labels).values())
