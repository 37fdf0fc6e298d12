"""From claims and runs to verdicts: each side's results by seed, paired, tested, and put in words."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence, Set
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd

from lossbench.claims.claim import Claim, digest
from lossbench.counting import counted
from lossbench.tracking.runs import CLAIMS
from lossbench.verdicts import statistics
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.comparison import Evidence, compare
from lossbench.verdicts.lopsided import hangs_on_few
from lossbench.verdicts.pair import BETTER, Pair
from lossbench.verdicts.pilot import WORTHWHILE, impossible, possible, seeds_asked
from lossbench.verdicts.results import metrics_of
from lossbench.verdicts.sides import Sides, settings, sides_of, weighed
from lossbench.verdicts.statistics import Floats, Kind, Region, paired_interval
from lossbench.verdicts.verdict import ASKED, Judged


def judge(claims: Sequence[Claim], choice: Choice) -> list[Judged]:
    """The verdict of each claim of an experiment, with p-values adjusted over all of them."""
    claims = [claim.measured(metrics_of(choice.runs)) for claim in claims]
    pairs = [sides_of(claim, choice) for claim in claims]
    tested = [
        compare(sides.differences, _region(claim)) if len(sides.left) > 1 else None
        for claim, sides in zip(claims, pairs, strict=True)
    ]
    adjusted = statistics.holm([own[1] if own else 1.0 for own in tested]).tolist()
    told, evidence = list[Judged](), list[Evidence | None]()
    for claim, sides, test, after in zip(claims, pairs, tested, adjusted, strict=True):
        found = None
        if test:
            plain, p = test
            wide = None  # where the chance of the examples cannot be known
            if choice.examples:
                runs = weighed(claim, choice, map(int, sides.left.index))
                wide = choice.examples.interval(sides.differences, runs, claim.metric)
            more = (sides.missing, wide is not None, choice.alpha)
            found = Evidence(wide or plain, sides.repeated(), (p, after), *more)
        evidence.append(found)
        judged = _told(claim, sides, found, ("claim", len(claims)))
        told.append(replace(judged, settings=settings(claim, choice)))
    return _beyond_zero(told, pairs, evidence)


def _beyond_zero(
    told: Sequence[Judged], pairs: Sequence[Sides], evidence: Sequence[Evidence | None]
) -> list[Judged]:
    """Verdicts that also say where the same seeds separate the difference from zero, not only from a margin.

    These questions are a family of their own with its own correction (Holm over all claims with a margin that
    can be tested, whatever their verdict): none of them changes a verdict, and at most 5% of experiments have
    a false one among them. To correct both families together would make the claims themselves harder.
    """
    asked = [
        (place, one) for place, one in enumerate(evidence) if one is not None and told[place].claim.margin > 0
    ]
    p = [compare(pairs[place].differences, BETTER)[1] for place, _ in asked]
    found = list(told)
    for (place, one), own, after in zip(asked, p, statistics.holm(p).tolist(), strict=True):
        judged = told[place]
        said = judged.claim.kind == "better" and judged.verdict == "supported"
        beyond = 0 if said else replace(one, p=(own, after)).decision(BETTER)
        found[place] = replace(judged, beyond=beyond)
    return found


def placed(
    judged: Sequence[Judged], compared: Sequence[Set[str]], runs: pd.DataFrame, late: Collection[str]
) -> tuple[Judged, ...]:
    """Verdicts on claims with what runs tell beside their results.

    Args:
        compared: of each claim, the ids of the runs that it compares.
        late: ids of runs whose training had not ended.
    """
    found = []
    for one, own_runs in zip(judged, compared, strict=True):
        rows = runs[runs["run_id"].astype(str).isin(own_runs)]
        stated = rows[CLAIMS].dropna().unique() if CLAIMS in runs else ()
        after = any(digest(one.claim) not in str(own).split(",") for own in stated)
        after &= one.claim.source != ASKED
        found.append(replace(one, at_budget=not own_runs.isdisjoint(late), stated_after=after))
    return tuple(found)


def of_pair(claim: Claim, pair: Pair, pairs: int) -> Judged:
    """A pair of a family of so many as a verdict on a claim that says it."""
    sides = Sides(pair.left, pair.right, 1.0 if claim.higher_is_better else -1.0)
    evidence = pair.evidence if len(pair.differences) > 1 else None
    return _told(claim, sides, evidence, ("pair of losses", pairs))


def _told(claim: Claim, sides: Sides, evidence: Evidence | None, asked: tuple[str, int]) -> Judged:
    """With what is missing for a verdict, where there is none yet; so many are asked in one family."""
    n, means = len(sides.left), (_mean(sides.left), _mean(sides.right))
    if evidence is None:
        note = sides.note or "fewer than two seeds have results on both sides"
        nan = math.nan
        return Judged(claim, "inconclusive", nan, nan, nan, nan, nan, n, *means, None, note)
    interval, region = evidence.interval, _region(claim)
    decision = evidence.decision(region)
    seeds, note = None, ""
    if decision == 0:
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
    told = Judged(claim, statistics.VERDICTS[decision], *numbers, n, *means, seeds, note)
    return replace(
        told,
        repeated=evidence.repeated,
        examples=evidence.examples,
        lopsided=hangs_on_few(sides),
    )


def _region(claim: Claim) -> Region:
    return Region.of(cast(Kind, claim.kind), claim.margin)


def _only_examples(evidence: Evidence, differences: Floats, region: Region, asked: int) -> bool:
    """Whether seeds alone have settled it, and no number of them that is worth its price lessens the rest."""
    most = statistics.seeds_to_settle(evidence.interval, region, asked, evidence.alpha)
    alone = replace(evidence, interval=paired_interval(differences)) if evidence.interval.shared else evidence
    settled = alone.decision(region) != 0
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
