"""Metrics of classes agree with scikit-learn and torchmetrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor

from lossbench._torchvision import mend
from lossbench.metrics.classes import of_probabilities, of_scores

mend()  # before torchmetrics, which imports torchvision
from torchmetrics.functional import classification as torchmetrics  # noqa: E402

SHAPES = [
    pytest.param(members, classes, kind, id=f"{members}x{classes}-{kind}")
    for members in (1, 5)
    for classes in (2, 3, 10)
    for kind in ("plain", "ties", "imbalance")
]


def made(members: int, classes: int, kind: str, examples: int = 200) -> tuple[Tensor, Tensor]:
    """Scores (R, N, C) that know something, and labels (R, N) with every class present."""
    generator = torch.Generator().manual_seed(classes)
    weights = torch.ones(members, classes)
    if kind == "imbalance":
        weights[:, 0] = 20 * classes
    labels = torch.multinomial(weights, examples, replacement=True, generator=generator)
    labels[:, :classes] = torch.arange(classes)
    scores = torch.randn(members, examples, classes, generator=generator)
    scores += 1.5 * torch.nn.functional.one_hot(labels, classes)
    return (scores.round() if kind == "ties" else scores), labels


@pytest.mark.parametrize(("members", "classes", "kind"), SHAPES)
def test_scores_are_judged_as_by_the_references(members: int, classes: int, kind: str) -> None:
    scores, labels = made(members, classes, kind)
    results = of_scores(scores, labels)
    for number, (own, truth) in enumerate(zip(scores, labels, strict=True)):
        predicted = own.numpy().argmax(-1)
        assert results["accuracy"][number] == pytest.approx(reference.accuracy_score(truth, predicted))
        assert results["f1"][number] == pytest.approx(reference.f1_score(truth, predicted, average="macro"))
        if classes == 2:
            area = reference.roc_auc_score(truth, own[:, 1] - own[:, 0])
        else:
            area = np.mean([reference.roc_auc_score(truth == c, own[:, c]) for c in range(classes)])
        assert results["auroc"][number] == pytest.approx(area, abs=1e-12)


@pytest.mark.parametrize(("members", "classes", "kind"), SHAPES)
def test_probabilities_are_judged_as_by_the_references(members: int, classes: int, kind: str) -> None:
    scores, labels = made(members, classes, kind)
    probabilities = scores.double().softmax(-1)
    results = of_probabilities(probabilities, labels)
    for number, (own, truth) in enumerate(zip(probabilities, labels, strict=True)):
        names = list(range(classes))
        assert results["nll"][number] == pytest.approx(reference.log_loss(truth, own, labels=names))
        one = own[:, 1] if classes == 2 else own
        assert results["brier"][number] == pytest.approx(reference.brier_score_loss(truth, one, labels=names))
        error = torchmetrics.multiclass_calibration_error(own, truth, classes, n_bins=15)
        assert results["ece"][number] == pytest.approx(float(error), abs=1e-6)


@pytest.mark.parametrize("classes", [3, 10])
def test_softmax_scores_have_the_area_that_torchmetrics_gives(classes: int) -> None:
    scores, labels = made(5, classes, "imbalance")
    probabilities = scores.softmax(-1)
    mine = of_scores(probabilities, labels)["auroc"]
    for number in range(5):
        theirs = torchmetrics.multiclass_auroc(probabilities[number], labels[number], classes)
        assert float(mine[number]) == pytest.approx(float(theirs), abs=1e-6)


def test_f1_is_over_classes_that_occur() -> None:
    """As scikit-learn: a class that is neither true nor predicted does not count as zero."""
    labels = torch.tensor([[0, 0, 1, 1]])
    scores = torch.tensor([[[2.0, 1, 0], [2, 1, 0], [2, 1, 0], [0, 2, 0]]])
    expected = reference.f1_score(labels[0], scores[0].argmax(-1), average="macro")
    assert float(of_scores(scores, labels)["f1"]) == pytest.approx(expected)


def test_equal_scores_are_the_first_class_and_half_an_area() -> None:
    labels = torch.tensor([[0, 1, 1, 0, 2]])
    results = of_scores(torch.zeros(1, 5, 3), labels)
    assert float(results["accuracy"]) == pytest.approx(0.4)
    assert float(results["auroc"]) == 0.5


@pytest.mark.parametrize("classes", [2, 3])
def test_labels_of_one_class_have_no_area(classes: int) -> None:
    results = of_scores(torch.randn(1, 6, classes), torch.zeros(1, 6, dtype=torch.int64))
    assert results["auroc"].isnan().all()
    assert results["accuracy"].isfinite().all()
    assert results["f1"].isfinite().all()


def test_a_class_without_examples_is_left_out_of_the_area() -> None:
    scores, labels = made(1, 4, "plain")
    keep = labels[0] != 2
    scores, labels = scores[:, keep], labels[:, keep]
    expected = np.mean([reference.roc_auc_score(labels[0] == c, scores[0, :, c]) for c in (0, 1, 3)])
    assert float(of_scores(scores, labels)["auroc"]) == pytest.approx(expected)


def test_close_scores_far_from_zero_are_no_ties() -> None:
    """Differences in float32 of scores near 1000 would lose the order that float64 keeps."""
    base = torch.tensor(1000.0)
    small = torch.tensor([1e-6, 2e-6, 3e-6, 4e-6])
    scores = torch.stack([small, base.expand(4)], dim=-1)[None]
    assert float(of_scores(scores, torch.tensor([[1, 1, 0, 0]]))["auroc"]) == 1.0


def test_a_certain_mistake_costs_a_finite_number_of_nats() -> None:
    probabilities = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    results = of_probabilities(probabilities, torch.tensor([[1, 1]]))
    assert float(results["nll"]) == pytest.approx(-math.log(torch.finfo(torch.float32).tiny) / 2)
    assert float(results["brier"]) == 0.5
    assert float(results["ece"]) == 0.5


def test_the_calibration_error_by_hand() -> None:
    """Confidences .95 .95 .95 .55: bins hold 3 (2 right) and 1 (right)."""
    top = torch.tensor([0.95, 0.95, 0.95, 0.55], dtype=torch.float64)
    probabilities = torch.stack([top, 1 - top], dim=-1)[None]
    result = float(of_probabilities(probabilities, torch.tensor([[0, 0, 1, 0]]))["ece"])
    assert result == pytest.approx(3 / 4 * (0.95 - 2 / 3) + 1 / 4 * (1 - 0.55))
