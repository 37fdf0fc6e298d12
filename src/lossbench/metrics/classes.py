"""Metrics of predicted classes, for all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics.ranking import roc

if TYPE_CHECKING:
    from torch import Tensor

BINS = 15


def of_scores(scores: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """accuracy, f1 and auroc.

    The predicted class has the largest score, the first of equal ones. f1 is the plain mean over the classes
    that occur in the labels or the predictions. auroc with two classes ranks by the difference of the
    scores; above, it is the plain mean over classes of one against the rest, ranked by the class's score,
    over classes that have examples on both sides, and NaN where there is none.

    Args:
        scores: (R, N, C), finite, C >= 2.
        labels: (R, N) int64, 0 .. C-1.

    Returns:
        (R,) float64 each.
    """
    predicted = scores.argmax(-1)
    return {
        "accuracy": (predicted == labels).double().mean(-1),
        "f1": _f1(predicted, labels, scores.shape[-1]),
        "auroc": _auroc(scores, labels),
    }


def of_probabilities(probabilities: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """nll, brier and ece.

    nll: a probability below the smallest normal float32 counts as that, so it is finite and at most 87.4.
    brier: the squared distance to the one-hot label; with two classes half of it, which is the squared
    error of one probability, as in scikit-learn. ece: 15 bins of equal width, top label (Guo et al.,
    ICML 2017, section 2).

    Args:
        probabilities: (R, N, C), finite, C >= 2.
        labels: (R, N) int64, 0 .. C-1.

    Returns:
        (R,) float64 each.
    """
    probabilities = probabilities.double()
    right = probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    smallest = torch.finfo(torch.float32).tiny
    distance = probabilities.square().sum(-1) - 2 * right + 1
    confidence, predicted = probabilities.max(-1)
    return {
        "nll": -right.clamp(min=smallest).log().mean(-1),
        "brier": distance.mean(-1) / (2 if probabilities.shape[-1] == 2 else 1),
        "ece": _calibration_error(confidence, predicted == labels),
    }


def _f1(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    members = len(labels)
    shift = torch.arange(members, device=labels.device).unsqueeze(-1) * classes

    def count(of: Tensor) -> Tensor:
        return torch.bincount((of + shift).flatten(), minlength=members * classes).view(members, classes)

    # Wrong predictions are counted in a class of their own, behind the last member.
    hits = torch.where(predicted == labels, labels + shift, members * classes).flatten()
    right = torch.bincount(hits, minlength=members * classes + 1)[:-1].view(members, classes)
    total = count(predicted) + count(labels)
    return (2 * right / total.clamp(min=1)).double().sum(-1) / (total > 0).sum(-1)


def _auroc(scores: Tensor, labels: Tensor) -> Tensor:
    classes = scores.shape[-1]
    if classes == 2:
        # In float64 the difference of two float32 scores is rounded so little that it makes no ties.
        difference = scores[..., 1].double() - scores[..., 0].double()
        return roc(difference, labels == 1).area()
    label = torch.arange(classes, device=labels.device).unsqueeze(-1)
    return roc(scores.transpose(-1, -2), labels.unsqueeze(-2) == label).area().nanmean(-1)


def _calibration_error(confidence: Tensor, right: Tensor) -> Tensor:
    bins = (confidence * BINS).ceil().clamp(1, BINS)
    gap = right.double() - confidence
    # Not by scatter: on an accelerator its sums would differ in the last bits from run to run.
    sums = [(gap * (bins == number)).sum(-1).abs() for number in range(1, BINS + 1)]
    return torch.stack(sums).sum(0) / confidence.shape[-1]
