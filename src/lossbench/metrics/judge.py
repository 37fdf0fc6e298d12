"""The one judge: what a prediction defines is measured, the same way for every loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lossbench.metrics.classes import of_probabilities, of_scores
from lossbench.metrics.continuous import continuous, disputed
from lossbench.metrics.identities import identities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from lossbench.task import MetricFamily, Prediction, TargetKind

# Members are judged in chunks of about this many numbers, to bound memory (tens of bytes a number) and to
# stay in the processor's cache; a validation set of 1,000 rows and 240 members is one chunk.
CHUNK = 2_000_000


def judge(
    prediction: Prediction, targets: Mapping[TargetKind, Tensor], families: tuple[MetricFamily, ...]
) -> dict[str, Tensor]:
    """The metrics of `families` that the prediction defines, for all members at once.

    continuous needs `value`, and for mae_disputed the share of raters that gave each answer. classes need
    `scores`, or a `value` on a two-class target, whose sign then is the class (zero is class 0), and
    `probabilities` for nll, brier and ece. identities need `embedding`. Scores and probabilities over
    something else than two classes (the bins of a rating) do not judge a binary target.

    Args:
        prediction: tensors with a leading member dimension: value (R, N), scores (R, N, C) ...
        targets: (R, N) each, in the task's own units; 'multiclass' is preferred to 'binary'.
        families: of `DataSource.judged_by`.

    Returns:
        metric name -> (R,) float64. A member with a non-finite prediction gets NaN in the metrics made of
        it and leaves the others as they are. Degenerate targets: see each metric.
    """
    results: dict[str, Tensor] = {}
    if "continuous" in families and "continuous" in targets and "value" in prediction:
        value, target = prediction["value"], targets["continuous"]
        results |= _members(continuous, value, target)
        if "distribution" in targets:
            rows = disputed(targets["distribution"])
            among = _members(continuous, value.gather(-1, rows), target.gather(-1, rows))
            # One bad value spoils all metrics of a member, wherever it lies.
            results["mae_disputed"] = torch.where(results["mae"].isnan(), torch.nan, among["mae"])
    if "classes" in families:
        results |= _classes(prediction, targets)
    if "identities" in families and "identity" in targets and "embedding" in prediction:
        labels = targets["identity"]
        results |= _members(identities, prediction["embedding"], labels, size=labels.shape[-1] ** 2)
    return results


def _classes(prediction: Prediction, targets: Mapping[TargetKind, Tensor]) -> dict[str, Tensor]:
    scores, probabilities = prediction.get("scores"), prediction.get("probabilities")
    value = prediction.get("value")
    if "multiclass" in targets:
        labels = targets["multiclass"]
    elif "binary" in targets:
        labels = targets["binary"]
        scores = scores if scores is not None and scores.shape[-1] == 2 else None
        probabilities = probabilities if probabilities is not None and probabilities.shape[-1] == 2 else None
        if scores is None and value is not None:
            scores = torch.stack([-value, value], dim=-1)
    else:
        return {}
    results: dict[str, Tensor] = {}
    if scores is not None:
        results |= _members(of_scores, scores, labels)
    if probabilities is not None:
        results |= _members(of_probabilities, probabilities, labels)
    return results


def _members(
    metrics: Callable[[Tensor, Tensor], dict[str, Tensor]],
    predicted: Tensor,
    target: Tensor,
    size: int | None = None,
) -> dict[str, Tensor]:
    """Metrics of all members, in chunks of `CHUNK // size` of them; a non-finite one is NaN throughout."""
    predicted = predicted.detach()
    finite = predicted.flatten(1).isfinite().all(-1)
    at_once = max(1, CHUNK // max(1, size or predicted[0].numel()))
    parts = [
        metrics(predicted[start : start + at_once], target[start : start + at_once])
        for start in range(0, len(predicted), at_once)
    ]
    return {
        name: torch.where(finite, torch.cat([part[name] for part in parts]), torch.nan) for name in parts[0]
    }
