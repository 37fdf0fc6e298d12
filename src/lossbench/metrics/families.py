"""The measures that ship, by family. No torch here: a config names them before anything is loaded."""

from __future__ import annotations

import itertools
from types import MappingProxyType
from typing import TYPE_CHECKING

from lossbench.metrics.measure import Measure
from lossbench.metrics.names import (
    CONTINUATION,
    DECISIONS,
    LEVELS,
    METRICS,
    OVERLAPS,
    TUNED,
    coverage_of,
    share_at,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from lossbench.metrics.measure import Metric


def _measure(
    names: str, needs: str, fields: str, function: str, *, pairs: bool = False, among: str | None = None
) -> Measure:
    return Measure(
        metrics=tuple(METRICS[name] for name in names.split()),
        needs=tuple(needs.split()),
        fields=tuple(fields.split()),
        function=f"lossbench.metrics.{function}",
        weighted=not pairs,  # a pair has no weight of its own
        pairs=pairs,
        among=among and f"lossbench.metrics.{among}",
    )


_SCORED = "accuracy f1 balanced_accuracy mcc"
_RANKED = "auroc average_precision"  # apart, for a sort takes longer than all the others
_PROBABLE = "nll brier ece"
_QUANTILES = " ".join(["pinball_score coverage_error crossing", *map(coverage_of, LEVELS)])
_OVERLAP = " ".join(["mean_iou", *map(share_at, OVERLAPS), "centre_error size_error"])
_CODES = "mean log_variance distortion"
_PEOPLE = "verification_auc eer tar_at_far_0.01 recall_at_1 map_at_r"

# Of data that is no series, data.metrics=[lossbench.metrics.families.TOTAL] and QUANTILES add them; of data
# without depths RATIOS and SHAPES.
TOTAL = _measure("bias bias_size", "value", "continuous", "forecasts:of_total")
QUANTILES = _measure(_QUANTILES, "quantiles levels", "continuous", "forecasts:of_quantiles")
RATIOS = _measure("abs_rel within_1.25", "value", "continuous", "depth:of_ratios")
SHAPES = _measure("scale_invariant_rmse", "value", "continuous", "depth:of_shapes")

# Of several measures that give one name, the first that reads what is there has its turn.
FAMILIES: Mapping[str, tuple[Measure, ...]] = MappingProxyType(
    {
        "continuous": (
            _measure("mae rmse median_ae r2", "value", "continuous", "continuous:continuous"),
            _measure(
                "mae_disputed",
                "value",
                "continuous distribution",
                "continuous:among_disputed",
                among="continuous:disputed_ones",
            ),
        ),
        # Beside those of any value.
        "forecast": (
            _measure("mase", "value", "continuous naive_scale", "forecasts:scaled"),
            TOTAL,
            QUANTILES,
        ),
        "depth": (RATIOS, SHAPES),
        "classes": (
            _measure(_SCORED, "scores", "multiclass", "classes:of_predicted"),
            _measure(_RANKED, "scores", "multiclass", "classes:of_ranks"),
            _measure(_PROBABLE, "probabilities", "multiclass", "classes:of_probabilities"),
            _measure(_SCORED, "scores", "binary", "classes:of_two_predicted"),
            _measure(_RANKED, "scores", "binary", "classes:of_two_ranks"),
            _measure(_PROBABLE, "probabilities", "binary", "classes:of_two_probabilities"),
            _measure(_SCORED, "value", "binary", "classes:of_predicted_sign"),
            _measure(_RANKED, "value", "binary", "classes:of_size"),
            _measure(" ".join(TUNED), DECISIONS, "binary", "thresholds:of_decisions"),
        ),
        "identities": (_measure(_PEOPLE, "embedding", "identity", "identities:identities", pairs=True),),
        "pixels": (
            _measure("nll_iw", "log_weights", "", "pixels:of_weights"),
            _measure("neg_elbo rate distortion active_units", _CODES, "", "pixels:of_codes"),
            _measure("probe_accuracy", "mean", "multiclass", "pixels:of_probe"),
        ),
        "agreement": (_measure("agreement", "scores", "teacher", "classes:of_agreement"),),
        "boxes": (_measure(_OVERLAP, "value", "box", "boxes:boxes"),),
    }
)


def measures(judged_by: Iterable[str | Measure], kinds: Collection[str] | None = None) -> tuple[Measure, ...]:
    """The measures of what judges a data set: families that ship, by name, and measures of its own.

    Args:
        kinds: of target that it offers: of a family, what reads others is left out; None: nothing is.
    """
    found: list[Measure] = []
    for said in judged_by:
        if isinstance(said, str):
            found += [one for one in FAMILIES[said] if kinds is None or set(one.fields) <= set(kinds)]
        else:
            found.append(said)
    return tuple(found)


def wants_class_means(
    measures: Iterable[Measure], prediction: Collection[str], kinds: Collection[str]
) -> bool:
    """Whether class scores have to come from the class means of embeddings.

    Args:
        prediction: names of what is predicted.
        kinds: of target that the data has.
    """
    lacking = "scores" not in prediction and "embedding" in prediction and "identity" in kinds
    return lacking and "scores" in needed(measures)


def wants_decisions(measures: Iterable[Measure], kinds: Collection[str]) -> bool:
    """Whether decisions at thresholds that validation chooses are measured; kinds of target of the data."""
    return "binary" in kinds and DECISIONS in needed(measures)


def wants_continuations(measures: Iterable[Measure]) -> bool:
    """Whether what models write on by themselves is measured, which they are asked for on the test alone."""
    return CONTINUATION in needed(measures)


def of_test_alone(measures: Iterable[Measure]) -> frozenset[str]:
    """Names of the metrics that validation has not."""
    late = (one for one in measures if one.test_alone or CONTINUATION in one.needs)
    return frozenset(name for one in late for name in one.names)


def preferred(measures: Iterable[Measure], kind: str) -> list[Measure]:
    """Measures in the order in which they have their turns for a loss that trained on a kind of target.

    Scores of two labels are not those of ten classes, where a data set offers both: what reads the target
    that was trained on comes first.
    """
    return sorted(measures, key=lambda measure: kind not in measure.fields)


def described(measures: Iterable[Measure]) -> dict[str, Metric]:
    """Their metrics by name, in the order of tables.

    Neighbours that ship and read the same are one part of a table, where metrics stand as `names.METRICS` has
    them.
    """
    place = {name: number for number, name in enumerate(METRICS)}
    found: dict[str, Metric] = {}

    def part(measure: Measure) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
        return place.keys() >= set(measure.names), measure.needs, measure.fields

    for (ships, *_), alike in itertools.groupby(measures, key=part):
        metrics = [metric for one in alike for metric in one.metrics]
        if ships:
            metrics.sort(key=lambda one: place[one.name])
        for metric in metrics:
            found.setdefault(metric.name, metric)
    return found


def needed(measures: Iterable[Measure], metric: str | None = None) -> frozenset[str]:
    """Names of the predictions that measures read; of those alone that give a metric, where it is named."""
    return frozenset(name for one in measures if metric is None or metric in one.names for name in one.needs)
