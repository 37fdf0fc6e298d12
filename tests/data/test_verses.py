"""Verses of three translations are found by their number, and books stay in one part."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lossbench.data.contract import check_data
from lossbench.data.own_file import own_file
from lossbench.data.pairs import Pairs
from lossbench.data.verses import Verses
from lossbench.errors import InputError
from lossbench.pack.baselines import measured


@pytest.fixture(scope="module")
def verses() -> Verses:
    return Verses(name="verses", train_size=400, val_size=50, test_size=60, length=12)


def test_a_verse_has_its_number_in_every_translation(verses: Verses) -> None:
    known = verses.pairs()
    assert len(known.left) == verses.targets()[0].size == 31_099
    assert known.left[0] == "In the beginning God created the heaven and the earth."
    assert known.right[0] == "In the beginning of God`s preparing the heavens and the earth --"
    assert known.left[-1].startswith("The grace of our Lord Jesus Christ be with you all.")  # once [be]
    assert known.right[-1].startswith("The grace of our Lord Jesus Christ is with you all.")
    assert not any("[" in text or not text for text in (*known.left, *known.right))


def test_books_are_dealt_by_the_seed_and_so_many_verses_of_them_drawn(verses: Verses) -> None:
    drawn = []
    for seed in range(2):
        data = check_data(verses, verses.load(seed, "token_pair"))
        parts = (data.train, data.val, data.test)
        assert [len(part) for part in parts] == [400, 50, 60]
        books = [set(part.groups.tolist()) for part in parts if part.groups is not None]
        assert len(set.union(*books)) == sum(map(len, books)) > 20
        assert data.description.targets == verses.targets()
        assert verses.part_sizes(seed) == (400, 50, 60)
        drawn.append(data.test.rows)
    assert not torch.equal(*drawn)
    assert verses.training_size() == 400
    assert len(Pairs.split(verses, 0)["train"]) > 20_000


def test_neighbours_are_of_the_chapter_and_the_part_and_never_the_verse_itself(verses: Verses) -> None:
    own = replace(verses, hard="neighbours")
    data, known = check_data(own, own.load(0, "token_pair")), own.pairs()
    numbers = own_file(str(own.path), "comma").rows["verse"].astype(int).to_numpy()
    plain = verses.load(0, "token_pair")
    assert [target.kind for target in own.targets()] == ["hard_pair", "pair"]
    assert all(torch.equal(data.inputs[side], plain.inputs[side]) for side in ("left", "right"))
    books = {name: set(numbers[getattr(data, name).rows] // 1_000_000) for name in ("train", "val", "test")}
    hard = own.hard_texts(0)
    assert hard is not None
    found = 0
    for name in books:
        part = getattr(data, name)
        assert torch.equal(part.targets["hard_pair"][:, 0], part.targets["pair"])
        for row, of in zip(part.rows.tolist(), part.targets["hard_pair"][:, 1:].tolist(), strict=True):
            for side, step in enumerate((-1, 1)):
                beside = row + step
                there = 0 <= beside < len(numbers) and numbers[beside] == numbers[row] + step
                text = known.right[beside] if there else ""
                assert hard.texts[side][row] == text
                assert of[side] == (known.by_kind["pair"][beside] if there else -1)
                assert not there or numbers[beside] // 1_000_000 in books[name]
                found += there
    assert found > 900
    held_out = data.inputs["other"][data.train.rows[0], 0]
    assert torch.equal(held_out, data.inputs["right"][int(data.train.rows[0]) - 1])


def test_without_neighbours_a_run_is_what_it_was(verses: Verses) -> None:
    assert not {"hard", "negative"} & verses.values().keys()
    assert replace(verses, hard="neighbours").values()["hard"] == "neighbours"
    assert verses.hard_texts(0) is None


def test_words_that_both_have_find_most_verses(verses: Verses) -> None:
    found = measured(verses, verses.load(0, "token_pair"), "word overlap")
    assert found["test/pair_mrr"] > 0.9
    assert found["test/pair_recall_at_10"] >= found["test/pair_recall_at_1"] > 0.8


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"right": "kjv"}, "data.left and data.right are both kjv"),
        ({"right": "asv"}, "data.right=asv is not allowed"),
        ({"target": "book"}, "data.target=book is not allowed"),
        ({"group": "verse"}, "data.group=verse is not allowed"),
    ],
)
def test_what_verses_do_not_have_is_refused(knobs: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        Verses(name="verses", **knobs)
    assert words in str(caught.value)
