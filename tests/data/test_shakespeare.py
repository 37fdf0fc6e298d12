"""Shakespeare comes without Gutenberg's words and Milton's, and no work is in two parts."""

from __future__ import annotations

import pytest
import torch

from lossbench.data.contract import check_data
from lossbench.data.shakespeare import Shakespeare


@pytest.fixture(scope="module")
def plays() -> Shakespeare:
    return Shakespeare(name="shakespeare", train_size=200, val_size=50, test_size=60)


def test_the_works_are_those_that_were_counted(plays: Shakespeare) -> None:
    corpus = plays.corpus()
    assert len(corpus.files) == 42
    assert corpus.files[0] == "alls_well_that_ends_well.txt"
    assert "paradise_regained.txt" not in corpus.files
    assert sum(map(len, corpus.codes)) == 5_057_198
    letters = "".join(corpus.tokens)
    assert len(letters) == 84
    assert letters.isascii()
    text = "".join(letters[code] for own in corpus.codes for code in own[:2000].tolist())
    assert "Gutenberg" not in text
    assert text.startswith("ALL'S WELL THAT ENDS WELL\n\nby William Shakespeare")


def test_whole_works_are_drawn_by_the_seed_and_so_many_windows_of_them(plays: Shakespeare) -> None:
    known = []
    for seed in range(2):
        data = check_data(plays, plays.load(seed, "causal_tokens"))
        parts = (data.train, data.val, data.test)
        assert [len(part) for part in parts] == [200, 50, 60]
        works = [set(part.groups.tolist()) for part in parts if part.groups is not None]
        assert len(set.union(*works)) == sum(map(len, works))
        known.append(data)
    assert plays.targets() == known[0].description.targets
    assert not torch.equal(*(data.inputs for data in known))


def test_what_is_said_before_the_archive_is_there_is_what_comes_out() -> None:
    for knobs in {}, {"vocabulary": 40}, {"context": 16}, {"min_count": 5}:
        source = Shakespeare(name="shakespeare", train_size=50, val_size=10, test_size=10, **knobs)
        assert check_data(source, source.load(3, "causal_tokens")).description.targets == source.targets()
