"""From claims and runs to verdicts: each side's results by seed, paired, tested, and put in words."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd

from lossbench.claims.claim import Claim
from lossbench.claims.stated import digest
from lossbench.counting import counted
from lossbench.tracking.runs import CLAIMS
from lossbench.verdicts import statistics
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.comparison import Evidence, compare
from lossbench.verdicts.lopsided import hangs_on_few
from lossbench.verdicts.pair import BETTER, Pair
from lossbench.verdicts.pilot import seeds_asked
from lossbench.verdicts.results import metrics_of
from lossbench.verdicts.settling import WORTHWHILE, impossible, possible
from lossbench.verdicts.sides import Sides, sides_of, weighed
from lossbench.verdicts.statistics import Floats, Interval, Kind, Region
from lossbench.verdicts.verdict import ASKED, Judged


def judge(claims: Sequence[Claim], choice: Choice) -> list[Judged]:
    """The verdict of each claim, with p-values adjusted over all of them.

    Args:
        claims: of one experiment.
        choice: the runs, and those at the rates that are chosen for each claim.
    """
    claims = [claim.measured(metrics_of(choice.runs)) for claim in claims]
    pairs = [sides_of(claim, choice) for claim in claims]
    regions = [Region.of(cast(Kind, claim.kind), claim.margin) for claim in claims]
    found = [
        compare(pair.differences, region) if pair.usable else (None, 1.0)
        for pair, region in zip(pairs, regions, strict=True)
    ]
    p = [own for _, own in found]
    adjusted = map(float, statistics.holm(p)) if p else []
    wide = [for_new_examples(*entry, choice) for entry in zip(claims, pairs, strict=True)]
    told = [
        _judged(claim, sides, (interval, wider), (own, after), (len(claims), choice.alpha))
        for claim, sides, (interval, own), wider, after in zip(
            claims, pairs, found, wide, adjusted, strict=True
        )
    ]
    intervals = [wider or plain for wider, (plain, _) in zip(wide, found, strict=True)]
    return beyond_zero(told, pairs, intervals, choice.alpha)


def beyond_zero(
    told: Sequence[Judged],
    pairs: Sequence[Sides],
    intervals: Sequence[Interval | None],
    alpha: float = statistics.ALPHA,
) -> list[Judged]:
    """Verdicts that also say where the same seeds separate the difference from zero, not only from a margin.

    These questions are a family of their own with its own correction (Holm over all claims with a margin that
    can be tested, whatever their verdict): none of them changes a verdict, and at most 5% of experiments have
    a false one among them. To correct both families together would make the claims themselves harder.

    Args:
        told: verdicts without it.
        pairs, intervals: of the same claims; an interval of None was not tested.
        alpha: as in `Evidence`.
    """
    asked = [
        (place, interval)
        for place, interval in enumerate(intervals)
        if interval is not None and told[place].claim.margin > 0
    ]
    p = [compare(pairs[place].differences, BETTER)[1] for place, _ in asked]
    adjusted = map(float, statistics.holm(p)) if p else []
    found = list(told)
    for (place, interval), own, after in zip(asked, p, adjusted, strict=True):
        judged = told[place]
        evidence = Evidence(
            interval, judged.repeated, (own, after), pairs[place].missing, judged.examples, alpha
        )
        said = judged.claim.kind == "better" and judged.verdict == "supported"
        found[place] = replace(judged, beyond=0 if said else evidence.decision(BETTER))
    return found


def placed(
    judged: Sequence[Judged], compared: Sequence[Collection[str]], late: Collection[str], runs: pd.DataFrame
) -> tuple[Judged, ...]:
    """Verdicts on claims with what the runs tell beside their results.

    Args:
        judged: on claims.
        compared: ids of the runs that each compares.
        late: ids of runs whose training had not ended.
        runs: of `tracking.read_runs`.
    """
    return tuple(
        replace(
            one,
            at_budget=not {*ids}.isdisjoint(late),
            stated_after=one.claim.source != ASKED and after_runs(one.claim, runs, ids),
        )
        for one, ids in zip(judged, compared, strict=True)
    )


def after_runs(claim: Claim, runs: pd.DataFrame, compared: Collection[str]) -> bool:
    """Whether one of the runs that a claim compares did not state it; False of runs that keep nothing.

    Args:
        claim: as it is judged.
        runs: of `tracking.read_runs`.
        compared: ids of those that the claim compares.
    """
    if CLAIMS not in runs:
        return False
    known = runs.loc[runs["run_id"].astype(str).isin(compared), CLAIMS].dropna().unique()
    return any(digest(claim) not in str(own).split(",") for own in known)


def for_new_examples(claim: Claim, sides: Sides, choice: Choice) -> Interval | None:
    """The interval that counts the chance of the examples, too; None where it cannot be known."""
    if not sides.usable or choice.examples is None:
        return None
    runs = weighed(claim, choice, map(int, sides.left.index))
    return choice.examples.interval(sides.differences, runs, claim.metric)


def of_pair(claim: Claim, pair: Pair, pairs: int) -> Judged:
    """A pair of a family of so many as a verdict on a claim that says it."""
    sides = Sides(pair.left, pair.right, 1.0 if claim.higher_is_better else -1.0)
    if len(pair.differences) < 2:
        return _untold(claim, sides)
    return _told(claim, sides, pair.evidence, pair.decision, ("pair of losses", pairs))


def _judged(
    claim: Claim,
    sides: Sides,
    intervals: tuple[Interval | None, Interval | None],
    p: tuple[float, float],
    asked: tuple[int, float],
) -> Judged:
    claims, alpha = asked
    plain, wide = intervals
    if plain is None:
        return _untold(claim, sides)
    evidence = Evidence(wide or plain, sides.repeated(), p, sides.missing, wide is not None, alpha)
    region = Region.of(cast(Kind, claim.kind), claim.margin)
    return _told(claim, sides, evidence, evidence.decision(region), ("claim", claims))


def _untold(claim: Claim, sides: Sides) -> Judged:
    note = sides.note or "fewer than two seeds have results on both sides"
    nothing = (math.nan, math.nan, math.nan)
    means = (_mean(sides.left), _mean(sides.right))
    return Judged(claim, "inconclusive", *nothing, math.nan, math.nan, len(sides.left), *means, None, note)


def _told(claim: Claim, sides: Sides, evidence: Evidence, decision: int, asked: tuple[str, int]) -> Judged:
    """With what is missing for a verdict, where there is none yet; so many are asked in one family."""
    interval = evidence.interval
    seeds, note, n = None, "", len(sides.left)
    if decision == 0:
        region = Region.of(cast(Kind, claim.kind), claim.margin)
        noun, count = asked
        seeds = seeds_asked(interval, region, count, evidence.alpha)
        if n < (fewest := statistics.fewest_seeds(count, evidence.alpha)):
            note = f"{impossible(n, count, noun)}: one is {possible(fewest, seeds)}"
        elif _only_examples(evidence, sides.differences, region, count):
            note = (
                "open only by the chance of the examples that seeds share: it takes more of these, not seeds"
            )
        if evidence.missing:
            note = f"waits for {counted(evidence.missing, 'run')} that the choice of a rate lacks"
    if not math.isfinite(float(interval.deviation)):
        note = "; ".join(filter(None, (ranks_text(sides.differences), note)))
    numbers = (float(interval.estimate), float(interval.low), float(interval.high), *evidence.p)
    means = (_mean(sides.left), _mean(sides.right))
    told = Judged(claim, statistics.VERDICTS[decision], *numbers, n, *means, seeds, note)
    return replace(
        told,
        repeated=evidence.repeated,
        examples=evidence.examples,
        lopsided=hangs_on_few(sides),
    )


def _only_examples(evidence: Evidence, differences: Floats, region: Region, asked: int) -> bool:
    """Whether seeds alone have settled it, and no number of them that is worth its price lessens the rest."""
    most = statistics.seeds_to_settle(evidence.interval, region, asked, evidence.alpha)
    settled = evidence.without_examples(differences).decision(region) != 0
    return settled and (most is None or most > WORTHWHILE)


def ranks_text(differences: Floats) -> str:
    """Why and by what a claim is judged where runs diverged."""
    gone, n = int((~np.isfinite(differences)).sum()), len(differences)
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    why = f"judged by ranks, for one side diverged on {counted(gone, 'seed')}"
    return f"{why}: better on {better} of {n}, worse on {worse}"


def _mean(values: pd.Series[float]) -> float:
    """Of the seeds that did not diverge."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
