"""Inputs and targets in the words in which they are told."""

from __future__ import annotations

import pytest

from lossbench.task import Inputs, Target

WORDS = {
    "vector 4": Inputs("vector", (4,)),
    "image 1 x 8 x 8": Inputs("image", (1, 8, 8)),
    "click (user, item)": Inputs("click", parts={"user": Inputs("id"), "item": Inputs("id")}),
    "id": Inputs("id", vocabulary=7),
    "continuous": Target("continuous"),
    "multiclass of 10": Target("multiclass", 10),
    "continuous of 4": Target("continuous", size=4),
    "binary at 14 places": Target("binary", shape=(14,)),
    "multiclass of 3 at 8 x 8 places": Target("multiclass", 3, shape=(8, 8)),
}


@pytest.mark.parametrize(("words", "what"), WORDS.items())
def test_words(words: str, what: Inputs | Target) -> None:
    assert what.words == words
