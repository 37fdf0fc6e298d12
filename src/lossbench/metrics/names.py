"""The table of the metrics that ship. No torch here: configs and reports read it too."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from lossbench.metrics.measure import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGET = "units of the target"
CALIBRATION = "ece"

# Of two classes, each at a threshold of its own that validation chose, and the prediction of that name which
# says what is decided there: (..., N, *places, 4), in this order.
TUNED = ("f1_tuned", "mcc_tuned", "balanced_accuracy_tuned", "recall_at_fpr_0.002")
DECISIONS = "tuned_decisions"
CONTINUATION = "continuation"  # the prediction of that name: what a model of next tokens writes on by itself


# Of quantile forecasts, those whose coverage has a metric of its own.
LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


def coverage_of(level: float) -> str:
    """The name of the coverage of a level."""
    return f"coverage_{level:g}"


# Of boxes, the IoU from which on they are found.
OVERLAPS = (0.5, 0.75, 0.9)


def share_at(overlap: float) -> str:
    """The name of the share of boxes of this IoU or more."""
    return f"iou_at_{overlap:g}"


def _overlapping(overlap: float) -> Metric:
    meaning = f"share of boxes whose IoU is {overlap:g} or more, 0 to 1"
    return _share(share_at(overlap), _BOXES, True, meaning, f"IoU ≥ {overlap:g}")


def _coverage(level: float) -> Metric:
    return Metric(coverage_of(level), _QUANTILES, False, "share of truths at most this quantile", aim=level)


def _error(name: str, meaning: str, title: str, group: str = "continuous") -> Metric:
    return Metric(name, group, False, f"{meaning}, in units of the target", TARGET, low=0, title=title)


def _share(name: str, group: str, higher_is_better: bool, meaning: str, title: str = "") -> Metric:
    return Metric(name, group, higher_is_better, meaning, low=0, high=1, title=title)


def _nats(name: str, meaning: str, title: str = "", low: float | None = None) -> Metric:
    return Metric(name, _PIXELS, False, f"{meaning}, in nats", "nats", low=low, title=title)


_CLASSES, _PEOPLE, _TUNED, _BOXES = "classes", "identities", "tuned thresholds", "boxes"
_FORECAST, _QUANTILES, _DEPTH, _PIXELS = "forecast", "quantiles", "depth", "pixels"
_THERE = "at the threshold that is best on validation"
_ALL = (
    _error("mae", "mean absolute error", "MAE"),
    _error("rmse", "root of the mean squared error", "RMSE"),
    _error("median_ae", "median absolute error", "median absolute error"),
    Metric(
        "r2",
        "continuous",
        True,
        "share of the target's variance that is explained, at most 1",
        high=1,
        title="R²",
    ),
    Metric(
        "mae_disputed",
        "continuous",
        False,
        "mae among the quarter that raters disagree on most",
        TARGET,
        low=0,
        title="MAE where raters disagree most",
    ),
    Metric(
        "mase",
        _FORECAST,
        False,
        "mean absolute error over that of the seasonal naive forecast on training steps",
        low=0,
        title="MASE",
    ),
    Metric(
        "bias",
        _FORECAST,
        False,
        "sum of forecasts over the sum of truths, less 1: below 0 too little is forecast",
        aim=0,
    ),
    Metric("bias_size", _FORECAST, False, "size of the bias", low=0),
    _error("pinball_score", "mean pinball loss of all quantiles", "pinball score", _QUANTILES),
    _share("coverage_error", _QUANTILES, False, "mean distance of coverage from its level, 0 to 1"),
    _share("crossing", _QUANTILES, False, "share of forecasts whose quantiles are not in order, 0 to 1"),
    *map(_coverage, LEVELS),
    Metric("abs_rel", _DEPTH, False, "mean absolute error as a share of the target", low=0, title="AbsRel"),
    _share("within_1.25", _DEPTH, True, "share of values within a factor of 1.25 of the target, 0 to 1"),
    Metric(
        "scale_invariant_rmse",
        _DEPTH,
        False,
        "RMSE of the logarithm, less its mean error in each example: a factor on all of it costs nothing",
        low=0,
        title="scale-invariant RMSE of the logarithm",
    ),
    _share("accuracy", _CLASSES, True, "share of examples whose highest score is the right class, 0 to 1"),
    _share("f1", _CLASSES, True, "macro F1: the plain mean of the F1 score over classes, 0 to 1", "macro F1"),
    _share(
        "auroc", _CLASSES, True, "chance that a class scores its own example above another's, 0 to 1", "AUROC"
    ),
    _share("balanced_accuracy", _CLASSES, True, "plain mean over classes of the share found, 0 to 1"),
    _share(
        "average_precision",
        _CLASSES,
        True,
        "mean precision over the recall of class 1, or of each class; a random order gives its share, 0 to 1",
    ),
    Metric(
        "mcc",
        _CLASSES,
        True,
        "Matthews correlation of predicted and right classes, -1 to 1; 0 is no better than chance",
        low=-1,
        high=1,
        title="MCC",
    ),
    Metric(
        "nll",
        _CLASSES,
        False,
        "mean negative log probability of the right class, in nats",
        "nats",
        low=0,
        title="NLL",
    ),
    Metric(
        "brier",
        _CLASSES,
        False,
        "squared error of the probabilities, 0 to 1 (to 2 above two classes)",
        low=0,
        high=2,
        title="Brier score",
    ),
    _share(CALIBRATION, _CLASSES, False, "gap between confidence and accuracy in 15 bins, 0 to 1", "ECE"),
    _share(
        "agreement",
        "agreement",
        True,
        "share of examples whose highest score is that of the teacher, right or wrong, 0 to 1",
        "agreement with the teacher",
    ),
    _share("f1_tuned", _TUNED, True, f"macro F1 {_THERE}, 0 to 1", "macro F1, tuned threshold"),
    Metric(
        "mcc_tuned",
        _TUNED,
        True,
        f"Matthews correlation {_THERE}, -1 to 1",
        low=-1,
        high=1,
        title="MCC, tuned threshold",
    ),
    _share(
        "balanced_accuracy_tuned",
        _TUNED,
        True,
        f"balanced accuracy {_THERE}, 0 to 1",
        "balanced accuracy, tuned threshold",
    ),
    _share(
        "recall_at_fpr_0.002",
        _TUNED,
        True,
        "share of class 1 found where validation accepts at most 0.2% of class 0, 0 to 1",
        "recall at 0.2% false positives",
    ),
    _share(
        "verification_auc",
        _PEOPLE,
        True,
        "chance that a pair of one person is closer than another",
        "verification AUC",
    ),
    _share(
        "eer",
        _PEOPLE,
        False,
        "error where false matches and false rejections are equal, 0 to 1",
        "equal error rate",
    ),
    _share(
        "tar_at_far_0.01",
        _PEOPLE,
        True,
        "share of true pairs accepted at 1% false matches",
        "true matches at 1% false",
    ),
    _share(
        "recall_at_1",
        _PEOPLE,
        True,
        "share of examples whose nearest one is of the same, 0 to 1",
        "recall@1",
    ),
    _share("map_at_r", _PEOPLE, True, "mean average precision among the R nearest, 0 to 1", "MAP@R"),
    _share("mean_iou", _BOXES, True, "mean IoU of predicted and true boxes, 0 to 1", "mean IoU"),
    *map(_overlapping, OVERLAPS),
    _nats(
        "nll_iw",
        "-log p(x) of an image at most, by the importance weights of `model.draws` codes",
        "bound on NLL",
    ),
    _nats("neg_elbo", "rate + distortion; above nll_iw by what the guess of the code loses", "negative ELBO"),
    _nats("rate", "what the code of an image tells, KL(q(z|x) || p(z))", low=0),
    _nats("distortion", "what an image costs where its code is known, -log p(x|z)"),
    Metric("active_units", _PIXELS, True, "numbers of a code whose means have a variance above 0.01", low=0),
    _share("probe_accuracy", _PIXELS, True, "accuracy of a linear classifier of the codes' means, 0 to 1"),
    Metric(
        "centre_error", _BOXES, False, "mean distance of the centres of boxes, in pixels", "pixels", low=0
    ),
    Metric(
        "size_error", _BOXES, False, "mean absolute error of width and height, in pixels", "pixels", low=0
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
