"""Numbers of things in words: `1 seed`, `3 seeds`."""

from __future__ import annotations

_PLURALS = {"loss": "losses", "person": "people", "process": "processes"}


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 pair of losses`, `0 pairs of losses`, `2 losses`.

    Args:
        number: of things.
        noun: in the singular; where it goes on (`pair of losses`), the first word is counted.
    """
    first, space, rest = noun.partition(" ")
    word = first if number == 1 else _PLURALS.get(first, f"{first}s")
    return f"{number} {word}{space}{rest}"
