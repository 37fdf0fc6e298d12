"""Metrics of predicted classes, for all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics import weighing
from lossbench.metrics.confusion import counted
from lossbench.metrics.ranking import Roc, roc

if TYPE_CHECKING:
    from torch import Tensor

BINS = 15


def of_scores(scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """All of `of_predicted` and of `of_ranks`, as runs were measured before these were apart."""
    return of_predicted(scores, labels, weight) | of_ranks(scores, labels, weight)


def of_predicted(scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """accuracy, f1, balanced_accuracy and mcc, over all examples and places.

    The predicted class has the largest score, the first of equal ones. f1 is macro F1: the plain mean over
    the classes that occur in the labels or the predictions; balanced_accuracy is the plain mean of the recall
    of the classes that occur in the labels. mcc is Matthews' correlation coefficient, of several classes as
    Gorodkin (2004) has it, and 0 where the labels or the predictions are of one class.

    Args:
        scores: (R, N, ..., C), finite, C >= 2.
        labels: (R, N, ...) int64, 0 .. C-1.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64 each.
    """
    weight = None if weight is None else weighing.spread(weight, labels)
    scores, labels = scores.flatten(1, -2), labels.flatten(1)
    predicted = scores.argmax(-1)
    table = counted(predicted, labels, scores.shape[-1], weight)
    return {
        "accuracy": weighing.mean((predicted == labels).double(), weight),
        "f1": table.f1(),
        "balanced_accuracy": table.balanced_accuracy(),
        "mcc": table.mcc(),
    }


def of_ranks(scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """auroc and average_precision, over all examples and places.

    With two classes they rank by the difference of the scores, for class 1; above, they are the plain mean
    over classes of one against the rest, ranked by the class's score, over classes that have examples (for
    auroc on both sides), and NaN where there is none. average_precision is the sum of the precision at each
    threshold times the recall that it adds, without interpolation.

    Args:
        scores: (R, N, ..., C), finite, C >= 2.
        labels: (R, N, ...) int64, 0 .. C-1.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64 each.
    """
    weight = None if weight is None else weighing.spread(weight, labels)
    curves = _curves(scores.flatten(1, -2), labels.flatten(1), weight)
    return {
        "auroc": curves.area().nanmean(-1),
        "average_precision": curves.average_precision().nanmean(-1),
    }


def of_probabilities(
    probabilities: Tensor, labels: Tensor, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """nll, brier and ece, over all examples and places.

    nll: a probability below the smallest normal float32 counts as that, so it is finite and at most 87.4.
    brier: the squared distance to the one-hot label; with two classes half of it, which is the squared
    error of one probability, as in scikit-learn. ece: 15 bins of equal width, top label (Guo et al.,
    ICML 2017, section 2).

    Args:
        probabilities: (R, N, ..., C), finite, C >= 2.
        labels: (R, N, ...) int64, 0 .. C-1.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64 each.
    """
    weight = None if weight is None else weighing.spread(weight, labels)
    probabilities, labels = probabilities.flatten(1, -2).double(), labels.flatten(1)
    right = probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    smallest = torch.finfo(torch.float32).tiny
    distance = probabilities.square().sum(-1) - 2 * right + 1
    confidence, predicted = probabilities.max(-1)
    return {
        "nll": -weighing.mean(right.clamp(min=smallest).log(), weight),
        "brier": weighing.mean(distance, weight) / (2 if probabilities.shape[-1] == 2 else 1),
        "ece": calibration_error(confidence, predicted == labels, weight),
    }


def of_agreement(scores: Tensor, teacher: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """agreement, the share of examples where the teacher predicts the same class, right or wrong.

    Args:
        scores, teacher: (R, N, ..., C), finite; the predicted class has the largest, the first of equal ones.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64.

    Source: Stanton and others, "Does Knowledge Distillation Really Work?" (NeurIPS 2021), section 3.
    """
    theirs = teacher.argmax(-1)
    weight = None if weight is None else weighing.spread(weight, theirs)
    return {"agreement": weighing.mean((scores.argmax(-1) == theirs).flatten(1).double(), weight)}


def of_two_scores(scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """As `of_scores` on a binary target, which scores over something else (bins) do not judge."""
    return of_scores(scores, labels, weight) if scores.shape[-1] == 2 else {}


def of_two_predicted(scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """As `of_predicted` on a binary target, which scores over something else (bins) do not judge."""
    return of_predicted(scores, labels, weight) if scores.shape[-1] == 2 else {}


def of_two_ranks(scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """As `of_ranks` on a binary target, which scores over something else (bins) do not judge."""
    return of_ranks(scores, labels, weight) if scores.shape[-1] == 2 else {}


def of_two_probabilities(
    probabilities: Tensor, labels: Tensor, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """As `of_probabilities` on a binary target, which those over something else do not judge."""
    return of_probabilities(probabilities, labels, weight) if probabilities.shape[-1] == 2 else {}


def of_sign(value: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """As `of_scores` on a binary target of values (R, N, ...), whose sign is the class; zero is class 0."""
    return of_scores(torch.stack([-value, value], dim=-1), labels, weight)


def of_predicted_sign(value: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """As `of_predicted` on a binary target of values (R, N, ...), whose sign is the class; zero is 0."""
    return of_predicted(torch.stack([-value, value], dim=-1), labels, weight)


def of_size(value: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """As `of_ranks` on a binary target of values (R, N, ...), the larger the likelier class 1."""
    return of_ranks(torch.stack([-value, value], dim=-1), labels, weight)


def _curves(scores: Tensor, labels: Tensor, weight: Tensor | None) -> Roc:
    """Of rows (R, 1, N) for two classes, (R, C, N) above."""
    classes = scores.shape[-1]
    weight = None if weight is None else weight.unsqueeze(-2)
    if classes == 2:
        # In float64 the difference of two float32 scores is rounded so little that it makes no ties.
        difference = scores[..., 1].double() - scores[..., 0].double()
        return roc(difference.unsqueeze(-2), (labels == 1).unsqueeze(-2), weight)
    label = torch.arange(classes, device=labels.device).unsqueeze(-1)
    return roc(scores.transpose(-1, -2), labels.unsqueeze(-2) == label, weight)


def calibration_error(confidence: Tensor, right: Tensor, weight: Tensor | None) -> Tensor:
    """ece, as of `of_probabilities`: (R,) float64.

    Args:
        confidence: (R, N) float64, the largest probability of each.
        right: (R, N) bool, whether it is that of the label.
        weight: (R, N) float64, 0 or more.
    """
    bins = (confidence * BINS).ceil().clamp(1, BINS)
    gap = right.double() - confidence
    # Not by scatter: on an accelerator its sums would differ in the last bits from run to run.
    if weight is not None:
        gaps = [weighing.total(gap * weight * (bins == number)).abs() for number in range(1, BINS + 1)]
        return torch.stack(gaps).sum(0) / weighing.total(weight)
    sums = [(gap * (bins == number)).sum(-1).abs() for number in range(1, BINS + 1)]
    return torch.stack(sums).sum(0) / confidence.shape[-1]
