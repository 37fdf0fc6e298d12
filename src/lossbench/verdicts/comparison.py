"""How differences by seed become an interval and a p: by their mean, or by ranks where runs diverged.

A run that diverged is worse than any that did not, by no number that anybody knows. Its difference is
infinite here, and a side with such seeds is judged by the sign test (is it better on more seeds than it is
worse?) and by the interval of the median that belongs to that test (Conover, Practical Nonparametric
Statistics, 1999). How often a loss diverges is told beside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lossbench.verdicts.sign_flips import Floats
from lossbench.verdicts.statistics import (
    ALPHA,
    LEVEL,
    Interval,
    Region,
    claim_p,
    decide,
    paired_interval,
    widening,
)


@dataclass(frozen=True)
class Evidence:
    """What a verdict is made of.

    interval: of the typical difference, at the chosen learning rates
    repeated: low and high of the interval that includes their choice, where there was one
    p: of the claim, before and after the correction for all that are asked with it
    missing: runs without which nobody knows which rate is the best
    examples: whether the interval holds for new examples; else seeds alone speak
    alpha: the largest corrected p that gives a verdict, `ALPHA` at the first look; intervals widen with it
    """

    interval: Interval
    repeated: tuple[float, float] | None
    p: tuple[float, float]
    missing: int = 0
    examples: bool = False
    alpha: float = ALPHA

    def decision(self, region: Region) -> int:
        """1 inside the region, -1 outside, 0 where that cannot be told, or where runs are waited for."""
        if self.missing:
            return 0
        decided = int(decide(self.interval, self.p[1], region, self.alpha))
        if decided and self.repeated:
            low, high = self._repeated()
            inside, outside = region.low < low and high < region.high, high < region.low or region.high < low
            return decided if (inside if decided > 0 else outside) else 0
        return decided

    def _repeated(self) -> tuple[float, float]:
        low, high = self.repeated or (-math.inf, math.inf)
        if self.alpha == ALPHA or not math.isfinite(high - low):
            return low, high
        middle, half = (low + high) / 2, widening(self.alpha, self.interval.n) * (high - low) / 2
        return middle - half, middle + half


def compare(differences: Floats, region: Region) -> tuple[Interval, float]:
    """The interval of the typical difference, and the p of the claim that it lies in a region.

    Args:
        differences: (seeds,), at least two, positive where left is better; infinite where one side diverged.
        region: what the claim allows.

    Returns:
        By the mean where all are finite, else by ranks; `Interval.deviation` is then nan.
    """
    if np.isfinite(differences).all():
        return paired_interval(differences), float(claim_p(differences, region))
    return median_interval(differences), max(sign_test_p(differences, edge) for edge in region.edges)


def sign_test_p(differences: Floats, edge: float = 0.0) -> float:
    """Two-sided p of "a difference lies above the edge as often as below"; ties count for neither."""
    from scipy.stats import binomtest

    above, below = int((differences > edge).sum()), int((differences < edge).sum())
    return float(binomtest(above, above + below).pvalue) if above + below else 1.0


def median_interval(differences: Floats) -> Interval:
    """The median difference and its interval between two of the ordered differences; ends may be infinite."""
    from scipy.stats import binom

    n = len(differences)
    ordered = np.sort(differences)
    middle = ordered[(n - 1) // 2 : n // 2 + 1]
    median = float(middle.mean()) if np.isfinite(middle).all() else float(middle[-1 if middle[0] > 0 else 0])
    outside = int(binom.ppf((1 - LEVEL) / 2, n, 0.5))  # so many on either side are too few to be plausible
    while outside and binom.cdf(outside - 1, n, 0.5) > (1 - LEVEL) / 2:
        outside -= 1
    low, high = (ordered[outside - 1], ordered[n - outside]) if outside else (-math.inf, math.inf)
    ends = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    return Interval(np.asarray(median), *ends, deviation=np.asarray(math.nan), n=n)
