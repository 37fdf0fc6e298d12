"""Metrics of predicted classes, for all members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics import weighing
from lossbench.metrics.ranking import roc

if TYPE_CHECKING:
    from torch import Tensor

BINS = 15


def of_scores(scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """accuracy, f1 and auroc, over all examples and places.

    The predicted class has the largest score, the first of equal ones. f1 is the plain mean over the classes
    that occur in the labels or the predictions. auroc with two classes ranks by the difference of the
    scores; above, it is the plain mean over classes of one against the rest, ranked by the class's score,
    over classes that have examples on both sides, and NaN where there is none.

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
    return {
        "accuracy": _mean((predicted == labels).double(), weight),
        "f1": _f1(predicted, labels, scores.shape[-1], weight),
        "auroc": _auroc(scores, labels, weight),
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
        "nll": -_mean(right.clamp(min=smallest).log(), weight),
        "brier": _mean(distance, weight) / (2 if probabilities.shape[-1] == 2 else 1),
        "ece": _calibration_error(confidence, predicted == labels, weight),
    }


def of_two_scores(scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """As `of_scores` on a binary target, which scores over something else (bins) do not judge."""
    return of_scores(scores, labels, weight) if scores.shape[-1] == 2 else {}


def of_two_probabilities(
    probabilities: Tensor, labels: Tensor, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """As `of_probabilities` on a binary target, which those over something else do not judge."""
    return of_probabilities(probabilities, labels, weight) if probabilities.shape[-1] == 2 else {}


def of_sign(value: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """As `of_scores` on a binary target of values (R, N, ...), whose sign is the class; zero is class 0."""
    return of_scores(torch.stack([-value, value], dim=-1), labels, weight)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return values.mean(-1) if weight is None else weighing.mean(values, weight)


def _f1(predicted: Tensor, labels: Tensor, classes: int, weight: Tensor | None) -> Tensor:
    if weight is not None:
        return _weighted_f1(predicted, labels, classes, weight)
    members = len(labels)
    shift = torch.arange(members, device=labels.device).unsqueeze(-1) * classes

    def count(of: Tensor) -> Tensor:
        return torch.bincount((of + shift).flatten(), minlength=members * classes).view(members, classes)

    # Wrong predictions are counted in a class of their own, behind the last member.
    hits = torch.where(predicted == labels, labels + shift, members * classes).flatten()
    right = torch.bincount(hits, minlength=members * classes + 1)[:-1].view(members, classes)
    total = count(predicted) + count(labels)
    return (2 * right / total.clamp(min=1)).double().sum(-1) / (total > 0).sum(-1)


def _weighted_f1(predicted: Tensor, labels: Tensor, classes: int, weight: Tensor) -> Tensor:
    # Where sums are in order: an accelerator adds weights as they come.
    home = weight.device
    predicted, labels, weight = predicted.cpu(), labels.cpu(), weight.cpu()
    shift = torch.arange(len(labels)).unsqueeze(-1) * classes

    def sums(of: Tensor, weights: Tensor) -> Tensor:
        of = (of + shift).flatten()
        return torch.bincount(of, weights.flatten(), len(labels) * classes).view(-1, classes)

    right = sums(labels, weight * (predicted == labels))
    all_ = sums(predicted, weight) + sums(labels, weight)
    occurs = all_ > 0
    return ((2 * right / all_.where(occurs, 1)).sum(-1) / occurs.sum(-1)).to(home)


def _auroc(scores: Tensor, labels: Tensor, weight: Tensor | None) -> Tensor:
    classes = scores.shape[-1]
    if classes == 2:
        # In float64 the difference of two float32 scores is rounded so little that it makes no ties.
        difference = scores[..., 1].double() - scores[..., 0].double()
        return roc(difference, labels == 1, weight).area()
    label = torch.arange(classes, device=labels.device).unsqueeze(-1)
    weight = None if weight is None else weight.unsqueeze(-2)
    return roc(scores.transpose(-1, -2), labels.unsqueeze(-2) == label, weight).area().nanmean(-1)


def _calibration_error(confidence: Tensor, right: Tensor, weight: Tensor | None) -> Tensor:
    bins = (confidence * BINS).ceil().clamp(1, BINS)
    gap = right.double() - confidence
    # Not by scatter: on an accelerator its sums would differ in the last bits from run to run.
    if weight is not None:
        gaps = [weighing.total(gap * weight * (bins == number)).abs() for number in range(1, BINS + 1)]
        return torch.stack(gaps).sum(0) / weighing.total(weight)
    sums = [(gap * (bins == number)).sum(-1).abs() for number in range(1, BINS + 1)]
    return torch.stack(sums).sum(0) / confidence.shape[-1]
