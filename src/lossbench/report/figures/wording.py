"""Metrics and params as people write them on an axis."""

from __future__ import annotations

from lossbench.metrics.names import METRICS

_CAPITALS = {"mae": "MAE", "rmse": "RMSE", "r2": "R²", "f1": "F1", "auroc": "AUROC", "nll": "NLL"}
_CAPITALS |= {"ece": "ECE", "brier": "Brier score", "median_ae": "median absolute error"}
_CAPITALS |= {"eer": "equal error rate", "verification_auc": "verification AUC"}
_CAPITALS |= {"tar_at_far_0.01": "true matches at 1% false", "map_at_r": "MAP@R", "recall_at_1": "recall@1"}
_CAPITALS |= {"mae_disputed": "MAE where raters disagree most"}


def metric_name(metric: str) -> str:
    """A metric as people write it: RMSE, accuracy."""
    return _CAPITALS.get(metric, metric.replace("_", " "))


def metric_label(metric: str, prefix: str = "test ") -> str:
    """For an axis: `test RMSE (units of the target; lower is better)`."""
    if metric not in METRICS:
        return f"{prefix}{metric_name(metric)}"
    told = METRICS[metric]
    unit = f"{told.unit}; " if told.unit else ""
    better = "higher" if told.higher_is_better else "lower"
    return f"{prefix}{metric_name(metric)} ({unit}{better} is better)"


def axis_name(param: str) -> str:
    """A param in words: `data.label_noise` is `label noise`, `model.name` is `model`."""
    group, _, knob = param.partition(".")
    return group if knob in ("name", "") else knob.replace("_", " ")
