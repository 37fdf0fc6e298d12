"""Metrics and params as people write them on an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.verdicts.spelling import in_words

if TYPE_CHECKING:
    from lossbench.metrics.measure import Metric


def metric_label(metric: Metric, prefix: str = "test ") -> str:
    """For an axis: `test RMSE (units of the target; lower is better)`."""
    unit = f"{metric.unit}; " if metric.unit else ""
    return f"{prefix}{metric.shown} ({unit}{metric.direction} is better)"


def axis_name(param: str) -> str:
    """A param in words: `data.label_noise` is `label noise`, `model.name` is `model`."""
    group, _, knob = param.partition(".")
    return group if knob in ("name", "") else in_words(param)
