"""Metrics of classes agree with scikit-learn and torchmetrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor

from lossbench._torchvision import mend
from lossbench.metrics.classes import of_probabilities, of_ranks, of_scores

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
    results = of_scores(scores, labels) | of_ranks(scores, labels)
    for number, (own, truth) in enumerate(zip(scores, labels, strict=True)):
        predicted = own.numpy().argmax(-1)
        assert results["accuracy"][number] == pytest.approx(reference.accuracy_score(truth, predicted))
        assert results["f1"][number] == pytest.approx(reference.f1_score(truth, predicted, average="macro"))
        if classes == 2:
            area = reference.roc_auc_score(truth, own[:, 1] - own[:, 0])
        else:
            area = np.mean([reference.roc_auc_score(truth == c, own[:, c]) for c in range(classes)])
        assert results["auroc"][number] == pytest.approx(area, abs=1e-12)
        ranked = own[:, 1] - own[:, 0] if classes == 2 else own
        precision = reference.average_precision_score(truth, ranked, average="macro")
        assert results["average_precision"][number] == pytest.approx(precision, abs=1e-12)
        balanced = reference.balanced_accuracy_score(truth, predicted)
        assert results["balanced_accuracy"][number] == pytest.approx(balanced, abs=1e-12)
        correlation = reference.matthews_corrcoef(truth, predicted)
        assert results["mcc"][number] == pytest.approx(correlation, abs=1e-12)


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
    mine = of_ranks(probabilities, labels)["auroc"]
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
    scores = torch.zeros(1, 5, 3)
    results = of_scores(scores, labels) | of_ranks(scores, labels)
    assert float(results["accuracy"]) == pytest.approx(0.4)
    assert float(results["auroc"]) == 0.5


@pytest.mark.parametrize("classes", [2, 3])
def test_labels_of_one_class_have_no_area(classes: int) -> None:
    scores, labels = torch.randn(1, 6, classes), torch.zeros(1, 6, dtype=torch.int64)
    results = of_scores(scores, labels) | of_ranks(scores, labels)
    assert results["auroc"].isnan().all()
    assert results["accuracy"].isfinite().all()
    assert results["f1"].isfinite().all()


def test_a_class_without_examples_is_left_out_of_the_area() -> None:
    scores, labels = made(1, 4, "plain")
    keep = labels[0] != 2
    scores, labels = scores[:, keep], labels[:, keep]
    expected = np.mean([reference.roc_auc_score(labels[0] == c, scores[0, :, c]) for c in (0, 1, 3)])
    assert float(of_ranks(scores, labels)["auroc"]) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("absent", ["labels", "predictions", "both"])
def test_an_absent_class_counts_as_in_scikit_learn(classes: int, absent: str, weighted: bool) -> None:
    scores, labels = made(3, classes, "ties")
    last = classes - 1
    if absent != "predictions":
        labels = labels.where(labels != last, 0)
    if absent != "labels":
        scores[..., last] = -100
    weight = torch.rand(labels.shape, generator=torch.Generator().manual_seed(0)) if weighted else None
    results = of_scores(scores, labels, weight) | of_ranks(scores, labels, weight)
    for number in range(3):
        truth, own = labels[number].numpy(), scores[number].numpy()
        w = None if weight is None else weight[number].double().numpy()
        there = [c for c in range(classes) if (truth == c).any()]
        expected = {
            "f1": reference.f1_score(truth, own.argmax(-1), average="macro", sample_weight=w),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, own.argmax(-1), sample_weight=w),
            "mcc": reference.matthews_corrcoef(truth, own.argmax(-1), sample_weight=w),
        }
        if classes > 2:
            each = [reference.average_precision_score(truth == c, own[:, c], sample_weight=w) for c in there]
            expected["average_precision"] = np.mean(each)
        elif last in there:
            one = own[:, 1] - own[:, 0]
            expected["average_precision"] = reference.average_precision_score(truth, one, sample_weight=w)
        else:
            assert results["average_precision"][number].isnan()
        for name, value in expected.items():
            # Without weights f1 is made of shares in single precision.
            assert float(results[name][number]) == pytest.approx(value, abs=1e-7), name


def test_examples_of_one_class_are_found_in_full_by_any_order() -> None:
    """Average precision needs no negatives, as in scikit-learn."""
    scores, labels = torch.randn(1, 6, 2), torch.ones(1, 6, dtype=torch.int64)
    results = of_scores(scores, labels) | of_ranks(scores, labels)
    assert float(results["average_precision"]) == pytest.approx(1, abs=1e-12)


def test_a_random_order_has_the_average_precision_of_the_share() -> None:
    labels = (torch.arange(4000) < 200).long().expand(20, -1)
    scores = torch.randn(20, 4000, 2, generator=torch.Generator().manual_seed(0))
    assert float(of_ranks(scores, labels)["average_precision"].mean()) == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize("constant", ["labels", "predictions"])
def test_a_constant_correlates_with_nothing(constant: str) -> None:
    """Whatever weights sum to in the last bits."""
    scores, labels = made(4, 3, "plain")
    labels, scores = (torch.ones_like(labels), scores) if constant == "labels" else (labels, 0 * scores)
    for weight in (None, torch.rand(labels.shape)):
        assert of_scores(scores, labels, weight)["mcc"].tolist() == [0, 0, 0, 0]


def test_close_scores_far_from_zero_are_no_ties() -> None:
    """Differences in float32 of scores near 1000 would lose the order that float64 keeps."""
    base = torch.tensor(1000.0)
    small = torch.tensor([1e-6, 2e-6, 3e-6, 4e-6])
    scores = torch.stack([small, base.expand(4)], dim=-1)[None]
    assert float(of_ranks(scores, torch.tensor([[1, 1, 0, 0]]))["auroc"]) == 1.0


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
