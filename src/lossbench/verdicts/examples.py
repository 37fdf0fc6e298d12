"""What the test examples of stored predictions contribute to the differences between runs.

Metrics come from the one judge, whose members here are single examples (a mean over examples is taken apart),
or the test set without one cluster after another (any other metric: the jackknife).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbench.metrics.names import METRICS
from lossbench.tracking.runs import FRESH
from lossbench.verdicts.predictions import Arrays, Reader
from lossbench.verdicts.statistics import Interval, paired_interval
from lossbench.verdicts.two_way import Ids, Influence, two_way_interval

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.verdicts.sign_flips import Floats

Weighed = Sequence[tuple[float, str]]
"""Runs of one seed, each with its factor in the difference of that seed."""

MEANS = ("accuracy", "brier", "nll", "mae", "mae_disputed")
PROBABLE = ("brier", "nll", "ece")
OF_PROBABILITIES: tuple[str, ...] = ("probabilities",)
OF_OUTPUTS: tuple[str, ...] = ("value", "scores", "embedding")
DELETIONS = 25  # clusters that the jackknife leaves out; where there are more, they are dealt into so many


@dataclass(eq=False)
class Examples:
    """Influences of test examples, read once for each run and kept while a report is made.

    read: the arrays of a run.
    metrics: of test, that are asked for; influences of a run on all of them are computed at once.
    fresh: runs on data that draws new examples for every seed.
    data: which data set each run has, from 0: one number in two data sets is two examples.
    """

    read: Reader
    metrics: tuple[str, ...] = ()
    fresh: frozenset[str] = frozenset()
    data: Mapping[str, int] = field(default_factory=dict)
    _known: dict[tuple[str, str], Influence | None] = field(default_factory=dict)

    @staticmethod
    def of(runs: pd.DataFrame, read: Reader) -> Examples:
        """Of the runs of an experiment, as `tracking.read_runs` gives them."""
        ids = runs["run_id"].astype(str)
        fresh = ids[runs[FRESH] == "true"] if FRESH in runs else ids[:0]
        names = runs["data.name"].unique().tolist()
        data = {run: names.index(name) for run, name in zip(ids, runs["data.name"], strict=True)}
        return Examples(read, (), frozenset(fresh), data)

    def asked(self, *metrics: str) -> Examples:
        """For these metrics, too; what is known is known to both."""
        return replace(self, metrics=tuple(dict.fromkeys((*self.metrics, *metrics))))

    def interval(self, differences: Floats, seeds: Sequence[Weighed], metric: str) -> Interval | None:
        """The interval for new examples; None where runs kept no predictions, or diverged: seeds alone speak.

        Args:
            differences: (S,) of each seed.
            seeds: whose weighed runs give these differences, in the same order.
            metric: of test, without its prefix.
        """
        if metric not in self.metrics or not np.isfinite(differences).all():
            return None
        if all(run in self.fresh for own in seeds for _, run in own):
            return paired_interval(differences)
        found = []
        for own in seeds:
            parts = [(factor, self._influence(run, metric)) for factor, run in own]
            told = [(factor, part) for factor, part in parts if part is not None]
            if len(told) < len(parts) or not told:
                return None
            found.append(Influence.sum_of(told))
        return two_way_interval(differences, found)

    def _influence(self, run: str, metric: str) -> Influence | None:
        if (run, metric) not in self._known:
            arrays = self.read(run)
            new = [name for name in self.metrics if (run, name) not in self._known]
            found = {} if arrays is None else influences(arrays, new)
            self._known |= {(run, name): found.get(name) for name in new}
        one = self._known[(run, metric)]
        sets = 1 + max(self.data.values(), default=0)
        if one is None or sets == 1:
            return one
        return replace(one, clusters=one.clusters * sets + self.data[run])


def influences(arrays: Arrays, metrics: Sequence[str]) -> dict[str, Influence]:
    """By metric, of those that the arrays of a run define; none where they do not name their examples.

    Args:
        arrays: as stored.
        metrics: of test, without prefix.
    """
    if "example_id" not in arrays:
        return {}
    clusters = np.asarray(arrays["group_id"] if "group_id" in arrays else arrays["example_id"])
    known = [metric for metric in metrics if metric in METRICS]
    means = {name: _of_mean(arrays, name, clusters) for name in known if name in (*MEANS, "rmse")}
    found = {name: one for name, one in means.items() if one is not None}
    found |= _of_deletions(arrays, [name for name in known if name not in found], clusters)
    return {name: one for name, one in found.items() if bool(np.isfinite(one.moved).all())}


def _of_mean(arrays: Arrays, metric: str, clusters: Ids) -> Influence | None:
    """From a value per example: of a mean, or of the root of a mean by its slope."""
    from lossbench.metrics.continuous import disputed

    rows = np.arange(len(clusters))
    if metric == "mae_disputed":
        if "target_distribution" not in arrays:
            return None
        rows = disputed(_tensor(arrays["target_distribution"][None]))[0].numpy()
    named = {"mae_disputed": "mae", "rmse": "mae"}.get(metric, metric)
    values = _judged({name: array[rows, None] for name, array in arrays.items()}, [named]).get(named)
    if values is None:
        return None
    if metric == "rmse":
        root = float(np.sqrt(np.mean(values**2)))
        values = values**2 / (2 * root) if root > 0 else values
    return Influence.of_mean(values, clusters[rows])


def _of_deletions(arrays: Arrays, metrics: Sequence[str], clusters: Ids) -> dict[str, Influence]:
    """From the metrics without each cluster."""
    dealt = clusters if len(np.unique(clusters)) <= DELETIONS else _dealt(clusters)
    whole = _judged({name: array[None] for name, array in arrays.items()}, metrics)
    known, count = np.unique(dealt, return_counts=True)
    without = {metric: np.full(len(known), np.nan) for metric in whole}
    for place, one in enumerate(known) if whole else ():
        kept = dealt != one
        left = _judged({name: array[None, kept] for name, array in arrays.items()}, [*whole])
        for metric, value in left.items():
            without[metric][place] = value[0]
    return {
        metric: Influence.of_deletion(float(value[0]), without[metric], known, count)
        for metric, value in whole.items()
    }


def _dealt(clusters: Ids) -> Ids:
    """Clusters dealt into `DELETIONS` by their numbers alone, so that every seed deals them alike."""
    mixed = clusters.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hash
    return ((mixed >> np.uint64(32)) % np.uint64(DELETIONS)).astype(np.int64)


def _judged(arrays: Arrays, metrics: Sequence[str]) -> dict[str, Floats]:
    """Metrics of predictions with a leading dimension of members; without those that they do not define."""
    from lossbench.metrics.families import FAMILIES
    from lossbench.metrics.judge import judge
    from lossbench.task import Prediction

    targets: Any = {
        name.removeprefix("target_"): _tensor(array)
        for name, array in arrays.items()
        if name.startswith("target_")
    }
    asked: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for metric in metrics:
        # Only what the metric reads: the judge would compute all that the rest defines.
        read = OF_PROBABILITIES if metric in PROBABLE else OF_OUTPUTS
        asked.setdefault((METRICS[metric].group, read), []).append(metric)
    found: dict[str, Floats] = {}
    for (group, read), names in asked.items():
        prediction = Prediction(**{name: _tensor(arrays[name]) for name in read if name in arrays})
        told = judge(prediction, targets, FAMILIES[group])
        found |= {name: told[name].numpy() for name in names if name in told}
    return found


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))
