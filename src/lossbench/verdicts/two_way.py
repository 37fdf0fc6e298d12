"""The chance in a mean difference when seeds share examples: seeds and examples, minus both.

Seeds that cut their tests from one pool are no independent repetitions: an example that happens to favour
one side favours it for every seed that drew it, and no number of seeds averages it out. What is asked is how
these models do on new examples of the data set, so both are drawn: the variance is that over seeds, plus that
over examples, minus what both count (Cameron, Gelbach and Miller, Journal of Business & Economic Statistics
2011). Where examples come in groups (the photographs of a person) a group is drawn as a whole.

For data drawn anew for each seed it is the variance over seeds, exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from lossbench.verdicts.sign_flips import Floats
from lossbench.verdicts.statistics import LEVEL, Interval, paired_interval

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Influence:
    """How much each cluster (an example, or a group of them) of a test set moves a number measured on it.

    clusters: (G,) which ones, each once.
    share: (G,) of the examples; they add up to 1.
    moved: (G,) the influence in units of the metric; they add up to 0. Of a mean: the sum over the
        cluster's examples of (value - mean) / examples.
    """

    clusters: Ids
    share: Floats
    moved: Floats

    @staticmethod
    def of_mean(values: Floats, clusters: Ids) -> Influence:
        """Of a metric that is the mean of a value per example; both (N,)."""
        known, place, count = np.unique(clusters, return_inverse=True, return_counts=True)
        return Influence(known, count / len(values), _sums(place, (values - values.mean()) / len(values)))

    @staticmethod
    def of_deletion(whole: float, without: Floats, clusters: Ids, count: Ids) -> Influence:
        """Of any metric, by the jackknife: its value without each cluster in turn.

        Of a mean it is what `of_mean` gives.

        Args:
            whole: the metric on all examples.
            without: (G,) the metric without each cluster.
            clusters, count: (G,) which, and of how many examples.
        """
        share = count / count.sum()
        moved = (1 - share) * (whole - without)
        return Influence(clusters, share, moved - share * moved.sum())

    @staticmethod
    def sum_of(parts: Sequence[tuple[float, Influence]]) -> Influence:
        """Of a sum of numbers, each times a factor, that were measured on one seed's examples."""
        first = parts[0][1].clusters
        shares = [part.share / len(parts) for _, part in parts]
        moves = [factor * part.moved for factor, part in parts]
        if all(np.array_equal(part.clusters, first) for _, part in parts):
            return Influence(first, np.sum(shares, axis=0), np.sum(moves, axis=0))
        known, place = np.unique(np.concatenate([part.clusters for _, part in parts]), return_inverse=True)
        return Influence(known, _sums(place, np.concatenate(shares)), _sums(place, np.concatenate(moves)))


def two_way_interval(differences: Floats, influences: Sequence[Influence]) -> Interval:
    """The interval of the mean difference for new seeds and new examples; never narrower than over seeds.

    Degrees of freedom: the smaller of seeds and clusters, less one.

    Args:
        differences: (S,) one for each seed.
        influences: of each of these differences, in the same order.
    """
    plain = paired_interval(differences)
    seeds = len(differences)
    if seeds < 2:
        return plain
    shared, clusters = _shared(np.asarray(differences, np.float64), influences)
    if not shared > 0:
        return plain
    deviation = math.sqrt(float(plain.deviation) ** 2 / seeds + shared)
    half = np.asarray(special.stdtrit(min(seeds, clusters) - 1, (1 + LEVEL) / 2) * deviation)
    low = np.minimum(plain.low, plain.estimate - half)
    high = np.maximum(plain.high, plain.estimate + half)
    return Interval(plain.estimate, low, high, plain.deviation, seeds, shared)


def _shared(differences: Floats, influences: Sequence[Influence]) -> tuple[float, int]:
    """What sharing examples adds to the variance of the mean, and the number of clusters.

    Each estimate is corrected for its own number of clusters, as the sum over S seeds is by S / (S - 1).
    """
    away = differences - differences.mean()
    residuals = np.concatenate(
        [part.share * own + part.moved for part, own in zip(influences, away, strict=True)]
    ) / len(differences)
    known, place = np.unique(np.concatenate([part.clusters for part in influences]), return_inverse=True)
    sums = _sums(place, residuals)
    if len(known) < 2:
        return math.nan, len(known)
    examples = float(sums @ sums) * len(known) / (len(known) - 1)
    both = float(residuals @ residuals) * len(residuals) / (len(residuals) - 1)
    return examples - both, len(known)


def _sums(place: npt.NDArray[np.intp], values: Floats) -> Floats:
    """The sum of the values at each place, from 0 on."""
    return np.asarray(np.bincount(place, weights=values), dtype=np.float64)
