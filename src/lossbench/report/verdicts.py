"""From claims and runs to verdicts: each side's results by seed, paired, tested, and put in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from lossbench.report import statistics
from lossbench.report.claims import Claim
from lossbench.report.conditions import RATE, SEED, Layout, column_of, matches, results, show
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
        """As `verdicts.json` holds it; what is not finite is null."""
        numbers = {
            "estimate": self.estimate,
            "p": self.p,
            "p_holm": self.adjusted_p,
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
    pairs = [_pairs(claim, runs, chosen, layout) for claim in claims]
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


@dataclass(frozen=True)
class _Pairs:
    left: pd.Series[float]
    right: pd.Series[float]
    sign: float
    note: str = ""

    @property
    def differences(self) -> statistics.Floats:
        return self.sign * np.asarray(self.left.to_numpy(float) - self.right.to_numpy(float))

    @property
    def usable(self) -> bool:
        return len(self.left) > 1 and not self.note


def _judged(claim: Claim, pair: _Pairs, region: Region, p: float, adjusted: float, *, claims: int) -> Judged:
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
        elif seeds is None:
            note = "no practical number of seeds would settle it: the difference lies at the margin"
    numbers = (float(interval.estimate), float(interval.low), float(interval.high), p, adjusted)
    return Judged(claim, verdict, *numbers, n, *means, seeds, note)


def _pairs(claim: Claim, runs: pd.DataFrame, chosen: pd.DataFrame, layout: Layout) -> _Pairs:
    sign = 1.0 if claim.higher_is_better else -1.0
    sides = []
    for name, selection in (("left", claim.left), ("right", claim.right)):
        values, note = _side(selection, claim, runs, chosen, layout)
        if not note and claim.change_from:
            start, note = _side({**selection, **claim.change_from}, claim, runs, chosen, layout)
            values = (values - start).dropna()
        if note:
            empty = pd.Series(dtype=float)
            return _Pairs(empty, empty, sign, f"the {name} side {note}")
        sides.append(values)
    left, right = sides
    shared = left.index.intersection(right.index)
    return _Pairs(left.loc[shared], right.loc[shared], sign)


def _side(
    selection: Mapping[str, Any], claim: Claim, runs: pd.DataFrame, chosen: pd.DataFrame, layout: Layout
) -> tuple[pd.Series[float], str]:
    """Results by seed of one side, and why there are none."""
    pool = runs if RATE in selection else chosen
    rows = pool[matches(pool, selection)]
    for key, wanted in selection.items():
        for option in wanted if isinstance(wanted, (list, tuple)) else [wanted]:
            if not matches(rows, {key: option}).any():
                return pd.Series(dtype=float), f"matches no run with {key} {show(option)}"
    free = [
        key
        for key in (*layout.keys, *([RATE] if pool is runs else []))
        if not isinstance(selection.get(_asked(key, selection)), (list, tuple))
        and len(rows[key].unique()) > 1
    ]
    if free:
        return pd.Series(dtype=float), f"is more than one condition, it leaves {' and '.join(free)} open"
    metric = f"test/{claim.metric}"
    among = pd.concat([chosen, rows]) if pool is runs else chosen
    by_seed = rows.assign(value=results(rows, metric, among)).groupby(SEED)["value"]
    complete = by_seed.count() == rows.groupby([*layout.keys, RATE], dropna=False).ngroups
    values = by_seed.mean()[complete]
    return values, "" if len(values) else f"does not define {claim.metric}"


def _asked(key: str, selection: Mapping[str, Any]) -> str:
    """The name under which a selection holds a column, which may be the bare group."""
    return next((asked for asked in selection if column_of(asked) == key), key)


def _mean(values: pd.Series[float]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
