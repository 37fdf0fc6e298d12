"""Inputs and targets in the words in which they are told."""

from __future__ import annotations

import pytest
import torch

from lossbench.task import Inputs, Target, Units

WORDS = {
    "vector 4": Inputs("vector", (4,)),
    "image 1 x 8 x 8": Inputs("image", (1, 8, 8)),
    "click (user, item)": Inputs("click", parts={"user": Inputs("id"), "item": Inputs("id")}),
    "id": Inputs("id", vocabulary=7),
    "continuous": Target("continuous"),
    "multiclass of 10": Target("multiclass", 10),
    "continuous of 4": Target("continuous", size=4),
    "box": Target("box", size=4),
    "binary at 14 places": Target("binary", shape=(14,)),
    "multiclass of 3 at 8 x 8 places": Target("multiclass", 3, shape=(8, 8)),
}


@pytest.mark.parametrize(("words", "what"), WORDS.items())
def test_words(words: str, what: Inputs | Target) -> None:
    assert what.words == words


def test_a_loss_sees_the_logarithm_and_what_it_says_is_back_in_own_units() -> None:
    prices = torch.tensor([326.0, 2401.0, 18823.0], dtype=torch.float64)
    units = Units(shift=7.8, scale=1.1, log=True)
    seen = units.scaled(prices)
    torch.testing.assert_close(seen.double(), (prices.log() - 7.8) / 1.1, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(units.own(seen.double()), prices, rtol=1e-6, atol=0)
