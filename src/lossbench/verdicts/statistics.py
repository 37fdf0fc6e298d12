"""Paired statistics over seeds, and the one rule that turns them into a verdict.

A claim says that a difference D (left minus right, turned so that more is better for left) lies in a region:
above a margin (`better`), above minus the margin (`no_worse`), or within plus and minus the margin
(`as_good_as`). The rule is the same for all of them:

    supported     the estimate lies inside the region, and no edge of the region is a plausible value of D
    refuted       the estimate lies outside the region, and no edge of the region is a plausible value of D
    inconclusive  otherwise

An edge is plausible when the 95% paired t interval contains it, or when the two-sided sign-flip test of
"D equals the edge" has a Holm-adjusted p above 0.04. For two edges this is the pair of one-sided tests
(TOST). `supported` and `refuted` together are then wrong at most 5% of the time: 0.04 rather than 0.05
leaves room for differences that are not quite symmetric, and for the error of the simulations that check it.

Why both: the sign-flip test is exact whenever the differences are symmetric about their mean, as they are
when both sides have one distribution, however skewed or heavy-tailed; the interval is what a person sees,
and a verdict that an interval contradicts helps nobody. Consequence: n seeds give a p of at least 2 / 2**n,
so fewer than six seeds never give a verdict (five: 0.0625), and twice as many claims ask for one seed more.
Differences that are strongly skewed about their own mean are outside what the test guarantees at few seeds;
`experiments/calibration` shows by how much.

Differences are arrays (..., n): the last axis holds the seeds, leading axes are experiments side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # not scipy.stats, which imports all of scipy

from lossbench.verdicts.sign_flips import Floats as Floats
from lossbench.verdicts.sign_flips import sign_flip_p

Verdict = Literal["supported", "refuted", "inconclusive"]
Kind = Literal["better", "as_good_as", "no_worse"]

LEVEL = 0.95
ALPHA = 0.04
POWER = 0.8
MANY_SEEDS = 1000


@dataclass(frozen=True)
class Region:
    """The open interval of differences that a claim allows, in units of the metric."""

    low: float = -math.inf
    high: float = math.inf

    @staticmethod
    def of(kind: Kind, margin: float) -> Region:
        """The region of a claim; `margin` is non-negative."""
        if kind == "better":
            return Region(low=margin)
        return Region(low=-margin) if kind == "no_worse" else Region(low=-margin, high=margin)

    @property
    def edges(self) -> tuple[float, ...]:
        """The finite ends."""
        return tuple(edge for edge in (self.low, self.high) if math.isfinite(edge))


@dataclass(frozen=True)
class Interval:
    """Mean difference, its confidence interval and the spread of the differences; each of shape (...).

    shared: what the examples that seeds share add to the variance of the mean; more seeds do not lessen it
    """

    estimate: Floats
    low: Floats
    high: Floats
    deviation: Floats
    n: int
    shared: float = 0.0

    def widened(self, alpha: float) -> Interval:
        """As wide as goes with a smaller alpha than `ALPHA`, with which 95% go; of ranks it stays."""
        if alpha == ALPHA or self.n < 2 or not np.isfinite(self.deviation).all():
            return self
        factor = widening(alpha, self.n)
        low = self.estimate - factor * (self.estimate - self.low)
        return replace(self, low=low, high=self.estimate + factor * (self.high - self.estimate))


def paired_interval(differences: ArrayLike, level: float = LEVEL) -> Interval:
    """The paired t interval of the mean difference over the last axis.

    At five to twenty seeds it covers better than the bootstrap (BCa: 80 to 93%), also for skewed and
    heavy-tailed results; `experiments/calibration` tells how well. With one seed its ends are infinite.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = values.shape[-1]
    estimate = values.mean(axis=-1)
    if n < 2:
        endless = np.full_like(estimate, np.inf)
        return Interval(estimate, -endless, endless, np.full_like(estimate, np.nan), n)
    deviation = values.std(axis=-1, ddof=1)
    half = special.stdtrit(n - 1, (1 + level) / 2) * deviation / math.sqrt(n)
    return Interval(estimate, estimate - half, estimate + half, deviation, n)


def claim_p(differences: ArrayLike, region: Region) -> Floats:
    """The p of the claim, whichever way it is decided: that of the most plausible edge of its region."""
    worst: Floats = np.max([sign_flip_p(differences, edge) for edge in region.edges], axis=0)
    return worst


def holm(p: ArrayLike) -> Floats:
    """Holm's step-down adjustment over the last axis: bounds the chance of one false verdict among all."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, axis=-1)
    factors = np.arange(values.shape[-1], 0, -1)
    stepped = np.maximum.accumulate(np.take_along_axis(values, order, axis=-1) * factors, axis=-1)
    adjusted = np.empty_like(values)
    np.put_along_axis(adjusted, order, np.minimum(stepped, 1.0), axis=-1)
    return adjusted


def widening(alpha: float, n: int) -> float:
    """How many times wider the interval of n seeds is that goes with `alpha`, than that of `ALPHA`, 95%."""
    outside = (1 - LEVEL) / 2
    return float(special.stdtrit(n - 1, outside * alpha / ALPHA) / special.stdtrit(n - 1, outside))


def decide(
    interval: Interval, adjusted_p: ArrayLike, region: Region, alpha: float = ALPHA
) -> NDArray[np.int8]:
    """+1 supported, -1 refuted, 0 inconclusive, for each experiment.

    `alpha` is less than `ALPHA` where seeds were looked at before (`looks`); the interval widens with it.
    """
    inside = (region.low < interval.estimate) & (interval.estimate < region.high)
    plausible, wide = np.asarray(adjusted_p) > alpha, interval.widened(alpha)
    for edge in region.edges:
        plausible = plausible | ((wide.low <= edge) & (edge <= wide.high))
    return np.where(plausible, 0, np.where(inside, 1, -1)).astype(np.int8)


VERDICTS: dict[int, Verdict] = {1: "supported", -1: "refuted", 0: "inconclusive"}


def fewest_seeds(claims: int = 1, alpha: float = ALPHA) -> int:
    """The smallest number of seeds with which the sign-flip test can decide one of so many claims."""
    return math.ceil(math.log2(2 * max(1, claims) / alpha))


def seeds_to_settle(interval: Interval, region: Region, claims: int = 1, alpha: float = ALPHA) -> int | None:
    """The number of seeds that would settle the claim with 80% power, were the estimate and spread the truth.

    From the non-central t distribution at Holm's first and strictest step. None where more than 1,000 are
    needed: the difference then lies at the edge of what the claim says. One experiment at a time.
    """
    from scipy import stats  # which takes .6 s, and a sweep ends without it

    n = np.arange(max(3, fewest_seeds(claims, alpha)), MANY_SEEDS + 1)
    estimate, deviation = float(interval.estimate), float(interval.deviation)
    distances = [abs(estimate - edge) for edge in region.edges]
    inside = region.low < estimate < region.high
    if not math.isfinite(deviation):
        return None
    if deviation == 0 and interval.shared == 0:
        return int(n[0]) if min(distances) > 0 else None
    critical = stats.t.isf(alpha / max(1, claims) / 2, n - 1)
    missed = np.zeros(len(n))
    for distance in distances if inside else [min(distances)]:
        missed += stats.nct.cdf(critical, n - 1, distance / np.sqrt(deviation**2 / n + interval.shared))
    enough = np.flatnonzero(1 - missed >= POWER)
    return int(n[enough[0]]) if len(enough) else None
