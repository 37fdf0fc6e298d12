"""How many seeds a verdict needs, in the same words wherever it is said.

Two numbers that are not to be mixed. From the *least* number on a verdict is possible at all, as the
sign-flip test counts (`statistics.fewest_seeds`); it promises nothing. The number that the *spread* asks for
would give a verdict in four of five repetitions, were the difference and the spread that were seen the truth
(`statistics.seeds_to_settle`); a spread of a few seeds says too little of the truth to name one.
"""

from __future__ import annotations

from lossbench.counting import counted

FEWEST_FOR_SPREAD = 5  # where 36 are needed, half of all pilots with three seeds say fewer than 23
WORTHWHILE = 100  # a difference that needs more is of no use to whoever chooses a loss


def impossible(seeds: int, asked: int, noun: str) -> str:
    """`3 seeds allow no verdict on 3 pairs of losses`."""
    return f"{counted(seeds, 'seed')} allow{'s' if seeds == 1 else ''} no verdict on {counted(asked, noun)}"


def possible(seeds: int, fewest: int, spread: int | None) -> str:
    """From how many seeds on a verdict is possible, and what the spread asks for.

    Args:
        seeds: that there are, fewer than `fewest`.
        fewest: the least number.
        spread: the number that the spread asks for, None where none below 1,001 would do; read from five
            seeds on.
    """
    start = f"possible, not certain, from {fewest} seeds on"
    if seeds < FEWEST_FOR_SPREAD:
        return start
    if spread is not None and spread <= fewest:
        return f"{start}, and the spread seen asks for no more"
    return f"{start}, and the spread seen asks for {_number(spread)}"


def spread_asks(seeds: int, spread: int | None) -> str:
    """`the spread seen asks for about 40 seeds`, where a verdict was possible and there is none.

    Args:
        seeds: that there are.
        spread: as in `possible`.
    """
    if spread is not None and spread <= seeds:
        return "a few more seeds may settle it"
    return f"the spread seen asks for {_number(spread)} seeds"


def beyond_worth(spread: int | None) -> bool:
    """Whether nobody would train so many seeds to know."""
    return spread is None or spread > WORTHWHILE


def _number(spread: int | None) -> str:
    return f"more than {WORTHWHILE}" if spread is None or spread > WORTHWHILE else f"about {spread}"
