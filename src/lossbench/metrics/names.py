"""The table of metrics: one name, one meaning, whatever the loss. No torch here: the report reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lossbench.task import MetricFamily


@dataclass(frozen=True)
class Metric:
    """A metric by its name.

    meaning: in plain words, with the unit or range.
    unit: where it has one; a result in units of the target may be of any size.
    """

    name: str
    family: MetricFamily
    higher_is_better: bool
    meaning: str
    unit: str = ""


TARGET = "units of the target"

_ALL = (
    Metric("mae", "continuous", False, "mean absolute error, in units of the target", TARGET),
    Metric("rmse", "continuous", False, "root of the mean squared error, in units of the target", TARGET),
    Metric("median_ae", "continuous", False, "median absolute error, in units of the target", TARGET),
    Metric("r2", "continuous", True, "share of the target's variance that is explained, at most 1"),
    Metric("mae_disputed", "continuous", False, "mae among the quarter that raters disagree on most", TARGET),
    Metric("accuracy", "classes", True, "share of examples whose highest score is the right class, 0 to 1"),
    Metric("f1", "classes", True, "F1 score, the plain mean over classes, 0 to 1"),
    Metric("auroc", "classes", True, "chance that a class scores its own example above another's, 0 to 1"),
    Metric("nll", "classes", False, "mean negative log probability of the right class, in nats", "nats"),
    Metric("brier", "classes", False, "squared error of the probabilities, 0 to 1 (to 2 above two classes)"),
    Metric("ece", "classes", False, "gap between confidence and accuracy in 15 bins, 0 to 1"),
    Metric("verification_auc", "identities", True, "chance that a pair of one person is closer than another"),
    Metric("eer", "identities", False, "error where false matches and false rejections are equal, 0 to 1"),
    Metric("tar_at_far_0.01", "identities", True, "share of true pairs accepted at 1% false matches"),
    Metric("recall_at_1", "identities", True, "share of examples whose nearest one is of the same, 0 to 1"),
    Metric("map_at_r", "identities", True, "mean average precision among the R nearest, 0 to 1"),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
