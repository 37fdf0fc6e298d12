"""How many seeds a verdict needs, in numbers, and in the same words wherever it is said.

Two numbers that are not to be mixed. From the *least* number on a verdict is possible at all, as the
sign-flip test counts (`statistics.fewest_seeds`); it promises nothing. What the *spread* asks for would give
a verdict in four of five repetitions: a range, for a few seeds do not know the effect, or "at least" where
they do not rule out that there is no difference to find; nothing with fewer than five.

The one number that the effect seen asks for misleads. Of ten-seed pilots of no difference that are left open,
three of four get a number below 1,001, and of those of a real effect every second one gets less than half or
more than twice the truth. So every effect that the pilot leaves plausible is asked: the 90% interval of the
effect size, from the non-central t distribution.

In 300 simulated pilots each, of effects of 0, 0.2, 0.5 and 0.8 deviations, such a range misled in at most 8%:
the verdict was open and the truth outside. Where there was no effect, 7, 3, 1 and 0% of the pilots with 5, 6,
10 and 20 seeds got an upper end (80% intervals: 16, 10, 6 and 8%).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from lossbench.counting import counted
from lossbench.verdicts.statistics import ALPHA, MANY_SEEDS, Interval, Region, seeds_to_settle

PLAUSIBLE = 0.9
WORTHWHILE = 100  # a difference that needs more is of no use to whoever chooses a loss
FEWEST_FOR_SPREAD = 5  # where 36 are needed, half of all pilots with three seeds say fewer than 23


@dataclass(frozen=True)
class Asked:
    """Between how many seeds the number lies that would settle a claim.

    low: at most 1,001, which is more than 1,000
    high: None where no number may do, or none below 1,001
    """

    low: int
    high: int | None

    def record(self) -> dict[str, int | None]:
        """As `verdicts.json` holds it."""
        return {"at_least": self.low, "at_most": self.high}


def seeds_asked(interval: Interval, region: Region, claims: int = 1, alpha: float = ALPHA) -> Asked | None:
    """The range of seeds that would settle a claim with 80% power.

    Returns:
        None with fewer than five seeds, or where runs diverged.
    """
    if interval.n < FEWEST_FOR_SPREAD or not math.isfinite(float(interval.deviation)):
        return None
    low, high = _plausible(interval, region)
    middle = min(max(sum(region.edges) / len(region.edges), low), high)  # the easiest, of two edges
    told = [
        seeds_to_settle(replace(interval, estimate=np.asarray(estimate)), region, claims, alpha)
        for estimate in (low, middle, high)
    ]
    known = [number for number in told if number is not None]
    least = min(known, default=MANY_SEEDS + 1)
    ends = (told[0], told[2])
    reached = any(low <= edge <= high for edge in region.edges)
    most = None if reached or None in ends else max(number for number in ends if number is not None)
    return Asked(least, most)


def _plausible(interval: Interval, region: Region) -> tuple[float, float]:
    """The differences whose effect size the pilot leaves plausible, measured from the nearest edge."""
    error = math.sqrt(float(interval.deviation) ** 2 / interval.n + interval.shared)
    estimate = float(interval.estimate)
    if error == 0:
        return estimate, estimate
    edge = min(region.edges, key=lambda edge: abs(estimate - edge))
    t = min(max((estimate - edge) / error, -100.0), 100.0)  # far beyond, any number of seeds does
    tail = (1 - PLAUSIBLE) / 2
    ends = [float(special.nctdtrinc(interval.n - 1, share, t)) for share in (1 - tail, tail)]
    return edge + error * ends[0], edge + error * ends[1]


def joined(asked: list[Asked | None]) -> Asked | None:
    """The least that one of several asks for, so that a first of them is settled."""
    known = [one for one in asked if one is not None]
    highs = [one.high for one in known if one.high is not None]
    return Asked(min(one.low for one in known), min(highs, default=None)) if known else None


def impossible(seeds: int, asked: int, noun: str) -> str:
    """`3 seeds allow no verdict on 3 pairs of losses`."""
    return f"{counted(seeds, 'seed')} allow{'s' if seeds == 1 else ''} no verdict on {counted(asked, noun)}"


def possible(fewest: int, asked: Asked | None) -> str:
    """From which least number of seeds on, not there yet, a verdict is possible; what the spread asks for."""
    start = f"possible, not certain, from {fewest} seeds on"
    if asked is None or (asked.high is None and asked.low <= fewest):
        return start
    if asked.high is not None and asked.high <= fewest:
        return f"{start}, and the spread seen asks for no more"
    return f"{start}, and the spread seen asks for {_range(asked, fewest)}"


def spread_asks(seeds: int, asked: Asked | None) -> str:
    """`the spread seen asks for 40 to 90 seeds`, where a verdict was possible and there is none."""
    if asked is None or (asked.high is None and asked.low <= seeds):
        return f"{counted(seeds, 'seed')} cannot tell how many more it takes"
    if asked.high is not None and asked.high <= seeds:
        return "a few more seeds may settle it"
    return f"the spread seen asks for {_range(asked, seeds)} seeds"


def beyond_worth(asked: Asked | None) -> bool:
    """Whether nobody would train so many seeds to know."""
    return asked is not None and asked.low > WORTHWHILE


def _range(asked: Asked, floor: int) -> str:
    """`at least 14`, `up to 60` where fewer than there are may do, `14 to 60`; nobody trains over 100."""
    if asked.low > WORTHWHILE:
        return f"more than {WORTHWHILE}"
    if asked.high is None or asked.high > WORTHWHILE:
        return f"at least {asked.low}" if asked.low > floor else f"more than {floor}"
    if asked.low <= floor:
        return f"up to {asked.high}"
    return f"about {asked.low}" if asked.low == asked.high else f"{asked.low} to {asked.high}"
