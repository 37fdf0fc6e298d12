"""One is one seed."""

from __future__ import annotations

import pytest

from lossbench.counting import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "seed", "1 seed"),
        (0, "seed", "0 seeds"),
        (3, "pair of losses", "3 pairs of losses"),
        (1, "pair of losses", "1 pair of losses"),
        (2, "loss", "2 losses"),
        (1, "person", "1 person"),
        (6, "person with two images", "6 people with two images"),
    ],
)
def test_a_noun_follows_its_number(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said
