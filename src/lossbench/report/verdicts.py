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
from lossbench.report.family import Pair
from lossbench.report.settling import FEWEST_FOR_SPREAD, impossible, possible
from lossbench.report.sides import Sides, sides_of
from lossbench.report.statistics import Kind, Region


@dataclass(frozen=True)
class Judged:
    """A claim and what the runs say of it.

    estimate, low, high: left minus right in units of the metric, positive where left is better
    p, adjusted_p: of the claim's most plausible edge, before and after Holm over the experiment's claims, or
        over all pairs where it states none
    left, right: means of the two sides, as measured
    seeds: about how many the spread asks for; None where it is settled, where five seeds are not there to
        tell the spread, or where no number below 1,001 would do
    note: why there is no verdict, where the reason is not the size of the difference
    at_budget: training of one of its sides had not ended, so it holds for these epochs
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
    at_budget: bool = False

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
            **({"at_this_budget": True} if self.at_budget else {}),
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


def of_pair(claim: Claim, pair: Pair, pairs: int) -> Judged:
    """A pair of a family of so many as a verdict on a claim that says it."""
    sides = Sides(pair.left, pair.right, 1.0 if claim.higher_is_better else -1.0)
    if len(pair.differences) < 2:
        return _untold(claim, sides)
    found, p = (pair.interval, pair.decision), (pair.p, pair.adjusted)
    return _told(claim, sides, found, p, "pair of losses", pairs)


def _judged(claim: Claim, sides: Sides, region: Region, p: float, adjusted: float, *, claims: int) -> Judged:
    if not sides.usable:
        return _untold(claim, sides)
    interval = statistics.paired_interval(sides.differences)
    decision = int(statistics.decide(interval, adjusted, region))
    return _told(claim, sides, (interval, decision), (p, adjusted), "claim", claims)


def _untold(claim: Claim, sides: Sides) -> Judged:
    note = sides.note or "fewer than two seeds have results on both sides"
    nothing = (math.nan, math.nan, math.nan)
    means = (_mean(sides.left), _mean(sides.right))
    return Judged(claim, "inconclusive", *nothing, math.nan, math.nan, len(sides.left), *means, None, note)


def _told(
    claim: Claim,
    sides: Sides,
    found: tuple[statistics.Interval, int],
    p: tuple[float, float],
    noun: str,
    asked: int,
) -> Judged:
    """With what is missing for a verdict, where there is none yet; so many are asked in one family."""
    interval, decision = found
    seeds, note, n = None, "", len(sides.left)
    if decision == 0:
        region = Region.of(cast(Kind, claim.kind), claim.margin)
        seeds = statistics.seeds_to_settle(interval, region, asked) if n >= FEWEST_FOR_SPREAD else None
        if n < (fewest := statistics.fewest_seeds(asked)):
            note = f"{impossible(n, asked, noun)}: one is {possible(n, fewest, seeds)}"
    numbers = (float(interval.estimate), float(interval.low), float(interval.high), *p)
    means = (_mean(sides.left), _mean(sides.right))
    return Judged(claim, statistics.VERDICTS[decision], *numbers, n, *means, seeds, note)


def _mean(values: pd.Series[float]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
