"""How many seeds a verdict needs, in the same words wherever it is said.

Two numbers that are not to be mixed. From the *least* number on a verdict is possible at all, as the
sign-flip test counts (`statistics.fewest_seeds`); it promises nothing. What the *spread* asks for would give
a verdict in four of five repetitions (`pilot.seeds_asked`): a range, or "at least" where the seeds do not
rule out that there is no difference to find; nothing with fewer than five.
"""

from __future__ import annotations

from lossbench.counting import counted
from lossbench.verdicts.pilot import Asked

WORTHWHILE = 100  # a difference that needs more is of no use to whoever chooses a loss


def impossible(seeds: int, asked: int, noun: str) -> str:
    """`3 seeds allow no verdict on 3 pairs of losses`."""
    return f"{counted(seeds, 'seed')} allow{'s' if seeds == 1 else ''} no verdict on {counted(asked, noun)}"


def possible(fewest: int, asked: Asked | None) -> str:
    """From how many seeds on a verdict is possible, and what the spread asks for.

    Args:
        fewest: the least number, which is not there yet.
        asked: by the spread.
    """
    start = f"possible, not certain, from {fewest} seeds on"
    if asked is None or (asked.high is None and asked.low <= fewest):
        return start
    if asked.high is not None and asked.high <= fewest:
        return f"{start}, and the spread seen asks for no more"
    return f"{start}, and the spread seen asks for {_range(asked, fewest)}"


def spread_asks(seeds: int, asked: Asked | None) -> str:
    """`the spread seen asks for 40 to 90 seeds`, where a verdict was possible and there is none.

    Args:
        seeds: that there are.
        asked: by their spread.
    """
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
