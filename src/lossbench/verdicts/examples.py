"""What the test examples of stored predictions contribute to the differences between runs.

Metrics come from the one judge, whose members here are single examples (a mean over examples is taken apart),
or the test set without one cluster after another (any other metric: the jackknife).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lossbench.metrics.recorded import of_text
from lossbench.task import WEIGHT
from lossbench.tracking.runs import FRESH, METRICS
from lossbench.verdicts.predictions import Arrays, Reader
from lossbench.verdicts.statistics import Interval, paired_interval
from lossbench.verdicts.two_way import Ids, Influence, two_way_interval

if TYPE_CHECKING:
    from lossbench.metrics.measure import Measure
    from lossbench.verdicts.sign_flips import Floats

Weighed = Sequence[tuple[float, str]]
"""Runs of one seed, each with its factor in the difference of that seed."""

_SAME = 1e-9  # relative: two ways to one number
DELETIONS = 25  # clusters that the jackknife leaves out; where there are more, they are dealt into so many


@dataclass(eq=False)
class Examples:
    """Influences of test examples, read once for each run and kept while a report is made.

    read: the arrays of a run.
    metrics: of test, that are asked for; influences of a run on all of them are computed at once.
    fresh: runs on data that draws new examples for every seed.
    data: which data set each run has, from 0: one number in two data sets is two examples.
    measured: what each run carries of its measures.
    """

    read: Reader
    metrics: tuple[str, ...] = ()
    fresh: frozenset[str] = frozenset()
    data: Mapping[str, int] = field(default_factory=dict)
    measured: Mapping[str, str] = field(default_factory=dict)
    _known: dict[tuple[str, str], Influence | None] = field(default_factory=dict)
    _grouped: set[str] = field(default_factory=set)

    @property
    def in_groups(self) -> bool:
        """Whether examples of runs that were read come in groups (people), each drawn anew as a whole."""
        return bool(self._grouped)

    @staticmethod
    def of(runs: pd.DataFrame, read: Reader) -> Examples:
        """Of the runs of an experiment, as `tracking.read_runs` gives them."""
        ids = runs["run_id"].astype(str)
        fresh = ids[runs[FRESH] == "true"] if FRESH in runs else ids[:0]
        names = runs["data.name"].unique().tolist()
        data = {run: names.index(name) for run, name in zip(ids, runs["data.name"], strict=True)}
        told = runs[METRICS].fillna("") if METRICS in runs else pd.Series("", index=runs.index)
        measured = dict(zip(ids, told.astype(str), strict=True))
        return Examples(read, (), frozenset(fresh), data, measured)

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
            measures = of_text(self.measured.get(run, ""))
            found = {} if arrays is None else influences(arrays, new, measures)
            if arrays is not None and "group_id" in arrays:
                self._grouped.add(run)
            self._known |= {(run, name): found.get(name) for name in new}
        one = self._known[(run, metric)]
        sets = 1 + max(self.data.values(), default=0)
        if one is None or sets == 1:
            return one
        return replace(one, clusters=one.clusters * sets + self.data[run])


def influences(arrays: Arrays, metrics: Collection[str], measures: Sequence[Measure]) -> dict[str, Influence]:
    """By metric, of those that the arrays of a run define; none where they do not name their examples."""
    if "example_id" not in arrays:
        return {}
    clusters = np.asarray(arrays["group_id"] if "group_id" in arrays else arrays["example_id"])
    asked = [one for one in measures if not set(one.names).isdisjoint(metrics)]
    judged = _judged({name: array[None] for name, array in arrays.items()}, asked)
    whole = {metric: float(value[0]) for metric, value in judged.items() if metric in metrics}
    found = _of_means(arrays, asked, clusters, whole)
    rest = {metric: value for metric, value in whole.items() if metric not in found}
    found |= _of_deletions(arrays, asked, clusters, rest)
    return {name: one for name, one in found.items() if bool(np.isfinite(one.moved).all())}


def _of_means(
    arrays: Arrays, measures: Sequence[Measure], clusters: Ids, whole: Mapping[str, float]
) -> dict[str, Influence]:
    """Of means of a value per example, and of roots of a mean of squares, which by their slope are such, too.

    Each example is judged by itself; which metric is a mean is seen from what comes out.
    """
    if f"target_{WEIGHT}" in arrays:
        return {}
    found: dict[str, Influence] = {}
    everyone = [one for one in measures if one.among is None and not one.pairs]
    for part in (everyone, *([one] for one in measures if one.among is not None)):
        rows = _counted(arrays, part, len(clusters))
        for metric, values in _judged({n: array[rows, None] for n, array in arrays.items()}, part).items():
            value = whole.get(metric, math.nan)
            root = float(np.sqrt(np.mean(values**2)))
            if math.isclose(float(np.mean(values)), value, rel_tol=_SAME):
                found.setdefault(metric, Influence.of_mean(values, clusters[rows]))
            elif math.isclose(root, value, rel_tol=_SAME):
                found.setdefault(metric, Influence.of_mean(values**2 / (2 * root), clusters[rows]))
    return found


def _counted(arrays: Arrays, measures: Sequence[Measure], examples: int) -> Ids:
    """Places of the examples that count in the metrics of measures."""
    for one in measures:
        fields = [arrays.get(f"target_{name}") for name in one.fields]
        if one.among is not None and all(field is not None for field in fields):
            found: Ids = np.asarray(one.counted(*(_tensor(field)[None] for field in fields)))[0]
            return found
    return np.arange(examples)


def _of_deletions(
    arrays: Arrays, measures: Sequence[Measure], clusters: Ids, whole: Mapping[str, float]
) -> dict[str, Influence]:
    """From the metrics without each cluster."""
    giving = [one for one in measures if not set(one.names).isdisjoint(whole)]
    dealt = clusters if len(np.unique(clusters)) <= DELETIONS else _dealt(clusters)
    known, count = np.unique(dealt, return_counts=True)
    without = {metric: np.full(len(known), np.nan) for metric in whole}
    for place, one in enumerate(known) if whole else ():
        kept = dealt != one
        left = _judged({name: array[None, kept] for name, array in arrays.items()}, giving)
        for metric in whole.keys() & left.keys():
            without[metric][place] = left[metric][0]
    return {
        metric: Influence.of_deletion(value, without[metric], known, count) for metric, value in whole.items()
    }


def _dealt(clusters: Ids) -> Ids:
    """Clusters dealt into `DELETIONS` by their numbers alone, so that every seed deals them alike."""
    mixed = clusters.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hash
    return ((mixed >> np.uint64(32)) % np.uint64(DELETIONS)).astype(np.int64)


def _judged(arrays: Arrays, measures: Sequence[Measure]) -> dict[str, Floats]:
    """Metrics of predictions with a leading dimension of members; without those that they do not define.

    A measure of the user's that is not there any more, or that raises on few examples, leaves seeds to speak.
    """
    from lossbench.metrics.judge import judge

    tensors = {name: _tensor(array) for name, array in arrays.items()}
    targets = {
        name.removeprefix("target_"): values for name, values in tensors.items() if name.startswith("target_")
    }
    found: dict[str, Floats] = {}
    for one in measures:
        try:
            judged = judge(tensors, targets, [one]) if not found.keys() >= set(one.names) else {}
        except Exception:  # whatever a function of the user's may raise
            continue
        found = {name: values.numpy() for name, values in judged.items()} | found
    return found


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))
