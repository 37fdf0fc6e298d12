"""Metrics of two classes at thresholds that validation chose, beside those at one half.

For each metric its own threshold: the score of a validation example from which on class 1 is predicted, such
that the metric is best on validation, by the weights that are tested. What is measured so is the order of the
scores and how well a threshold carries over to new examples, not where a loss happens to put one half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics import weighing
from lossbench.metrics.confusion import Confusion, counted
from lossbench.metrics.judge import CHUNK
from lossbench.metrics.names import DECISIONS, TUNED
from lossbench.metrics.ranking import Roc, roc
from lossbench.task import WEIGHT, Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

FALSE_POSITIVE_RATE = 0.002
_DIGITS = 12  # of a metric, beyond which two thresholds are equally good


def order_of(prediction: Mapping[str, Tensor], labels: Tensor) -> Tensor | None:
    """What orders examples by class 1, (R, N, *places) float64: a difference of two scores, or a value.

    None where there is neither for each of the labels (L, N, *places).
    """
    scores, order = prediction.get("scores"), prediction.get("value")
    if scores is not None and scores.shape[-1] == 2:
        order = scores[..., 1].double() - scores[..., 0].double()
    return None if order is None or order.shape[1:] != labels.shape[1:] else order.double()


def unknown(members: int) -> Tensor:
    """Thresholds (R, K) that nobody has chosen."""
    return torch.full((members, len(TUNED)), torch.nan, dtype=torch.float64)


def thresholds_of(
    prediction: Mapping[str, Tensor], truth: Mapping[str, Tensor], lane: Tensor | None = None
) -> Tensor | None:
    """The thresholds that are best on these examples; None where nothing orders them.

    Args:
        prediction: (R, N, ...) by name.
        truth: targets by kind, (L, N, ...), with `binary` and perhaps `weight`.
        lane: (R,) the place of each member among the L; None: one each.

    Returns:
        (R, K) float64 for the K metrics of `TUNED`: class 1 is predicted from this score on; infinity is
        never. Of equally good ones the highest. nan of a member with a score that is not finite.
    """
    labels, weight = truth["binary"], truth.get(WEIGHT)
    order = order_of(prediction, labels)
    if order is None:
        return None
    lane = torch.arange(len(order), device=labels.device) if lane is None else lane
    at_once = max(1, CHUNK // max(1, order[0].numel()))
    found = []
    for start in range(0, len(order), at_once):
        rows = lane[start : start + at_once]
        own = None if weight is None else weighing.spread(weight[rows], labels[rows])
        found.append(_best(order[start : start + at_once].flatten(1), labels[rows].flatten(1), own))
    return torch.cat(found)


def decided(prediction: Prediction, truth: Mapping[str, Tensor], thresholds: Tensor) -> Prediction:
    """With the decisions at thresholds (R, K): (R, N, *places, K) float32, 1 is class 1, nan is unknown.

    Of the truth only its shape is read.
    """
    order = order_of(prediction, truth["binary"])
    if order is None:
        return prediction
    limit = thresholds.view(len(order), *[1] * (order.ndim - 1), -1)
    known = order.isfinite().unsqueeze(-1) & ~limit.isnan()
    decisions = torch.where(known, (order.unsqueeze(-1) >= limit).float(), torch.nan)
    return Prediction(**{**prediction, DECISIONS: decisions})


def of_decisions(decisions: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """The metrics of `TUNED`, over all examples and places.

    Those of one half are in `classes.of_scores`; f1 is macro F1. recall_at_fpr_0.002 is the recall of class 1
    at the threshold of the greatest recall that accepted at most 0.2% of class 0 on validation; on these
    examples it may be more or less than that. NaN where class 1 is missing.

    Args:
        decisions: (R, N, *places, K), 0 or 1; a member with others has no result.
        labels: (R, N, *places) int64, 0 or 1.
        weight: (R, N) or (R, N, *places), 0 or more; nan comes out where all are 0.

    Returns:
        (R,) float64 each.
    """
    weight = None if weight is None else weighing.spread(weight, labels)
    labels, chosen = labels.flatten(1), decisions.flatten(1, -2).nan_to_num().long()
    tables = [counted(chosen[..., place], labels, 2, weight) for place in range(len(TUNED))]
    found = [_measured(name, table) for name, table in zip(TUNED, tables, strict=True)]
    return {name: values.to(labels.device) for name, values in zip(TUNED, found, strict=True)}


def _measured(name: str, table: Confusion) -> Tensor:
    """A metric of tables (..., 2)."""
    if name == "f1_tuned":
        return table.f1()
    if name == "mcc_tuned":
        return table.mcc()
    if name == "balanced_accuracy_tuned":
        return table.balanced_accuracy()
    return table.right[..., 1].double() / table.there[..., 1]


def _best(order: Tensor, labels: Tensor, weight: Tensor | None) -> Tensor:
    """Of rows (R, M)."""
    known = order.isfinite()
    if weight is not None:
        known = known | (weight == 0)
        order, labels = order.where(weight > 0, 0), labels.where(weight > 0, 0)
    curve = roc(order, labels == 1, weight)
    table = _at_each_threshold(curve)
    nowhere = torch.ones_like(curve.corner[..., :1])
    exists = torch.cat([nowhere, curve.corner], dim=-1)
    limits = torch.cat([torch.full_like(curve.score[..., :1], torch.inf), curve.score], dim=-1)
    found = []
    for name in TUNED:
        values = _measured(name, table).nan_to_num()
        allowed = exists if name != TUNED[-1] else exists & _few_false(table)
        best = values.round(decimals=_DIGITS).where(allowed, -torch.inf).argmax(-1, keepdim=True)
        found.append(limits.gather(-1, best))
    return torch.where(known.all(-1, keepdim=True), torch.cat(found, dim=-1), torch.nan)


def _few_false(table: Confusion) -> Tensor:
    """Where at most so much of class 0 is accepted; sums of weights are not known to the last bits."""
    wrong = table.predicted[..., 1] - table.right[..., 1]
    allowed: Tensor = (FALSE_POSITIVE_RATE + 10.0**-_DIGITS) * table.there[..., 0]
    return wrong <= allowed


def _at_each_threshold(curve: Roc) -> Confusion:
    """The tables (R, M + 1, 2) of accepting nothing, and all down to each score."""
    right, wrong = (torch.nn.functional.pad(count, (1, 0)) for count in (curve.right, curve.wrong))
    positives, negatives = (count[..., -1:].expand_as(count) for count in (right, wrong))
    return Confusion(
        right=torch.stack([negatives - wrong, right], dim=-1),
        predicted=torch.stack([negatives - wrong + positives - right, right + wrong], dim=-1),
        there=torch.stack([negatives, positives], dim=-1),
        home=right.device,
    )
