"""From claims and runs to verdicts: each side's results by seed, paired, tested, and put in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from lossbench.report import statistics
from lossbench.report.claims import Claim
from lossbench.report.conditions import Layout
from lossbench.report.sides import Sides, sides_of
from lossbench.report.statistics import Kind, Region


@dataclass(frozen=True)
class Judged:
    """A claim and what the runs say of it.

    estimate, low, high: left minus right in units of the metric, positive where left is better
    p, adjusted_p: of the claim's most plausible edge, before and after Holm over the experiment's claims
    left, right: means of the two sides, as measured
    seeds: about how many would settle it; None where it is settled or no number below 1,001 would
    note: why there is no verdict, where the reason is not the size of the difference
    """

    claim: Claim
    verdict: statistics.Verdict
    estimate: float
    low: float
    high: float
    p: float
    adjusted_p: float
    n: int
    left: float
    right: float
    seeds: int | None = None
    note: str = ""

    def record(self) -> dict[str, Any]:
        """As `verdicts.json` holds it, with the p of the pages; what is not finite is null."""
        numbers = {
            "estimate": self.estimate,
            "p": self.adjusted_p,
            "p_unadjusted": self.p,
            "left_mean": self.left,
            "right_mean": self.right,
        }
        return {
            "id": self.claim.id,
            "sentence": self.claim.sentence,
            "source": self.claim.source,
            "verdict": self.verdict,
            **{key: _finite(value) for key, value in numbers.items()},
            "interval": [_finite(self.low), _finite(self.high)],
            "n": self.n,
            "metric": self.claim.metric,
            "direction": "higher" if self.claim.higher_is_better else "lower",
            "kind": self.claim.kind,
            "margin": self.claim.margin,
            "left": dict(self.claim.left),
            "right": dict(self.claim.right),
            **({"change_from": dict(self.claim.change_from)} if self.claim.change_from else {}),
            "seeds_to_settle": self.seeds,
            "note": self.note,
        }


def judge(claims: Sequence[Claim], runs: pd.DataFrame, chosen: pd.DataFrame, layout: Layout) -> list[Judged]:
    """The verdict of each claim, with p-values adjusted over all of them.

    Args:
        claims: of one experiment.
        runs: the tidy frame; read only where a side fixes the learning rate.
        chosen: the runs at the chosen rates.
        layout: what the experiment compares.
    """
    pairs = [sides_of(claim, runs, chosen, layout) for claim in claims]
    regions = [Region.of(cast(Kind, claim.kind), claim.margin) for claim in claims]
    p = [
        float(statistics.claim_p(pair.differences, region)) if pair.usable else 1.0
        for pair, region in zip(pairs, regions, strict=True)
    ]
    adjusted = statistics.holm(p) if p else np.array([])
    return [
        _judged(*entry, claims=len(claims))
        for entry in zip(claims, pairs, regions, p, map(float, adjusted), strict=True)
    ]


def _judged(claim: Claim, pair: Sides, region: Region, p: float, adjusted: float, *, claims: int) -> Judged:
    means = (_mean(pair.left), _mean(pair.right))
    n = len(pair.left)
    if not pair.usable:
        note = pair.note or "fewer than two seeds have results on both sides"
        nothing = (math.nan, math.nan, math.nan)
        return Judged(claim, "inconclusive", *nothing, math.nan, math.nan, n, *means, None, note)
    interval = statistics.paired_interval(pair.differences)
    verdict = statistics.VERDICTS[int(statistics.decide(interval, adjusted, region))]
    seeds, note = None, ""
    if verdict == "inconclusive":
        seeds = statistics.seeds_to_settle(interval, region, claims)
        if n < (fewest := statistics.fewest_seeds(claims)):
            note = f"{n} seeds can never settle one of {claims} claims, {fewest} can"
    numbers = (float(interval.estimate), float(interval.low), float(interval.high), p, adjusted)
    return Judged(claim, verdict, *numbers, n, *means, seeds, note)


def _mean(values: pd.Series[float]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
