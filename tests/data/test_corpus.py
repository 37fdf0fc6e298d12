"""A user's own text: windows, the token behind each place, and a vocabulary of training text alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lossbench.data.contract import check_data
from lossbench.data.corpus import CorpusSource
from lossbench.data.corpus_reading import Corpus
from lossbench.data.source import DataSet
from lossbench.errors import InputError
from lossbench.pack.baselines import measured

LETTERS = "abcdefghij"


def source(path: Path, **knobs: Any) -> CorpusSource:
    return CorpusSource(name="corpus", path=str(path), **{"context": 8, **knobs})


def loaded(own: CorpusSource, seed: int = 0) -> DataSet:
    return check_data(own, own.load(seed, "causal_tokens"))


def one(folder: Path, text: str) -> Path:
    (folder / "text.txt").write_text(text, encoding="utf-8")
    return folder / "text.txt"


def several(folder: Path, count: int = 12) -> Path:
    """Files of unlike length, each of a letter of its own beside two that all have."""
    (folder / "texts").mkdir()
    for number in range(count):
        text = f"x{chr(ord('a') + number)}y" * (20 + 3 * number)
        (folder / "texts" / f"{number:02d}.txt").write_text(text)
    return folder / "texts"


def letters(corpus: Corpus, ids: torch.Tensor, training: str) -> str:
    """Ids as text, where all characters of the training text are known: the most frequent comes first."""
    order = sorted(set(training), key=lambda letter: (-training.count(letter), letter))
    return "".join({0: "_", 1: "?"}.get(i, order[i - 2] if i > 1 else "") for i in ids.tolist())


def test_at_every_place_the_target_is_the_next_token_and_what_is_filled_up_weighs_nothing(
    tmp_path: Path,
) -> None:
    text = "".join(LETTERS[(7 * place + place // 5) % 10] for place in range(400))
    own = source(one(tmp_path, text), gap=3)
    data, corpus = loaded(own), own.corpus()
    cuts = {"train": text[:314], "val": text[317:357], "test": text[360:]}
    for split, expected in cuts.items():
        part = getattr(data, split)
        weight = part.targets["weight"]
        read = letters(corpus, data.inputs[part.rows].flatten(), cuts["train"])
        following = letters(corpus, part.targets["multiclass"].flatten(), cuts["train"])
        count = len(expected) - 1
        assert weight.flatten().tolist() == [1.0] * count + [0.0] * (weight.numel() - count)
        assert read[:count] == expected[:-1]
        assert following[:count] == expected[1:]
        assert set(read[count:]) | set(following[count:]) <= {"_"}
    assert own.load(1, "causal_tokens") is data


def test_no_token_is_in_two_parts_and_a_gap_as_long_as_a_window_lies_between(tmp_path: Path) -> None:
    own = source(one(tmp_path, LETTERS * 60))
    data = loaded(own)
    tokens = {name: int(getattr(data, name).targets["weight"].sum()) + 1 for name in ("train", "val", "test")}
    assert tokens == {"train": 600 - 120 - 16, "val": 60, "test": 60}


def test_whole_files_are_drawn_by_the_seed(tmp_path: Path) -> None:
    own = source(several(tmp_path), val_share=0.2, test_share=0.2)
    for seed in range(3):
        data = loaded(own, seed)
        groups = [
            set(part.groups.tolist()) for part in (data.train, data.val, data.test) if part.groups is not None
        ]
        assert len(groups) == 3
        assert sum(map(len, groups)) == 12
        assert set.union(*groups) == set(range(12))
        assert own.part_sizes(seed) == tuple(data.description.sizes.values())
    assert not torch.equal(loaded(own, 0).test.rows, loaded(own, 1).test.rows)


def test_the_vocabulary_is_that_of_training_text_and_its_size_that_of_no_seed(tmp_path: Path) -> None:
    own = source(several(tmp_path))
    (target,) = own.targets()
    assert (target.size, target.shape) == (2 + 14, (8,))
    for seed in range(2):
        data = loaded(own, seed)
        trained, tested = (data.inputs[part.rows] for part in (data.train, data.test))
        assert data.description.inputs.vocabulary == 16
        assert not (trained == 1).any()
        assert (tested == 1).any()  # each file has a letter of its own
        counts = torch.bincount(trained.flatten(), minlength=16)[2:]
        assert (counts.diff() <= 0).all()  # the most frequent first


def test_words_signs_and_ends_of_lines_are_tokens_and_rare_ones_are_one(tmp_path: Path) -> None:
    line = "The king's men, all of them.\n"
    own = source(one(tmp_path, line * 60 + "seldom " * 2), tokens="words", context=5, min_count=3)
    corpus = own.corpus()
    assert set(corpus.tokens) == {"The", "king's", "men", ",", "all", "of", "them", ".", "\n", "seldom"}
    assert own.targets()[0].size == 2 + 9
    assert "9 word" in "\n".join(own.account())
    assert (loaded(own).test.targets["multiclass"] == 1).sum() == 2


def test_a_corpus_is_known_by_the_content_of_its_files(tmp_path: Path) -> None:
    folder = several(tmp_path)
    known = source(folder).fingerprint(0)
    assert source(folder, context=4).fingerprint(1) == known
    assert source(folder, tokens="words").fingerprint(0) != known
    (folder / "03.txt").write_text("other")
    assert source(folder).fingerprint(0) != known


def test_files_that_are_equal_or_empty_are_told(tmp_path: Path) -> None:
    folder = several(tmp_path)
    (folder / "again.txt").write_text((folder / "05.txt").read_text())
    (folder / "blank.txt").write_text(" \n")
    (folder / "notes.md").write_text("no text of the corpus")
    told = "\n".join(source(folder).account())
    assert "texts: 13 files" in told
    assert "blank.txt holds no text" in told
    assert "1 file with the text of another, such as again.txt and 05.txt" in told


def test_a_text_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    def refused(path: Path | str | None, **knobs: Any) -> str:
        with pytest.raises(InputError) as caught:
            CorpusSource(name="corpus", **{"path": path and str(path), "context": 8, **knobs}).load(
                0, "causal_tokens"
            )
        told = str(caught.value)
        assert "\n" not in told
        assert len(told) < 400
        return told

    folder = several(tmp_path)
    assert "data=corpus needs your text, a file or a folder" in refused(None)
    assert "data.path=nowhere does not exist" in refused("nowhere")
    assert "holds no file *.rst: say which ones are texts in data.files (there are *.txt)" in refused(
        folder, files="*.rst"
    )
    assert "texts has 1 file" not in refused(one(tmp_path, "short"))
    assert "text.txt has 5 characters, so" in refused(one(tmp_path, "short"))
    assert "holds no text: its 1 file hold blanks alone" in refused(one(tmp_path, "  \n"))
    assert "data.split=file needs 3 files or more, and text.txt is 1 file" in refused(
        one(tmp_path, LETTERS * 60), split="file"
    )
    (tmp_path / "empty").mkdir()
    assert "is a folder without files" in refused(tmp_path / "empty")
    (tmp_path / "binary.txt").write_bytes(b"ab\0cd" * 100)
    assert "binary.txt is no text, it holds the character 0" in refused(tmp_path / "binary.txt")
    (tmp_path / "latin.txt").write_bytes("größer".encode("latin-1") * 100)
    assert "latin.txt is no text in UTF-8" in refused(tmp_path / "latin.txt")
    assert "together they must stay below 1" in refused(folder, val_share=0.5, test_share=0.5)
    assert "data.tokens=letters is not allowed" in refused(folder, tokens="letters")
    assert "data.context must be at least 2" in refused(folder, context=1)
    few = tmp_path / "few"
    few.mkdir()
    for number in range(3):
        (few / f"{number}.txt").write_text("ab" * 12)
    assert "at least 5 each are needed" in refused(few, split="file")


def test_a_part_may_be_a_few_of_its_windows(tmp_path: Path) -> None:
    few = {"train_size": 9, "val_size": 6, "test_size": 7}
    for path in several(tmp_path), one(tmp_path, LETTERS * 60):
        whole, some = loaded(source(path)), loaded(source(path, **few))
        assert some.description.sizes == {"train": 9, "val": 6, "test": 7}
        assert source(path, **few).training_size() == 9
        for split in ("train", "val", "test"):
            part, all_ = getattr(some, split), getattr(whole, split)
            assert part.ids.unique().numel() == len(part)
            places = [all_.ids.tolist().index(own) for own in part.ids.tolist()]
            assert torch.equal(all_.targets["weight"][places], part.targets["weight"])
    spread = loaded(source(one(tmp_path, LETTERS * 60), **few)).train.ids
    assert spread is not None
    assert set(spread.diff().tolist()) == {6, 7}  # over the whole text, not from its start alone
    assert source(path, train_size=None).values() == source(path).values()


def test_who_knows_frequencies_alone_needs_the_bits_of_the_letters_of_the_test(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    text = "".join(draw.choice(list("abc"), p=[0.5, 0.25, 0.25], size=6000))
    own = source(one(tmp_path, text), gap=0)
    trained, tested = text[1:4800], text[5401:]  # the first letter of a part is predicted by nobody
    shares = {letter: (trained.count(letter) + 1) / (len(trained) + 4) for letter in "abc"}  # and one unknown
    bits = -sum(math.log2(shares[letter]) for letter in tested) / len(tested)
    found = measured(own, loaded(own), "frequencies")
    assert found["test/bits_per_token"] == pytest.approx(bits, rel=1e-6)
    assert found["test/accuracy"] == pytest.approx(tested.count("a") / len(tested))
    assert bits == pytest.approx(1.5, abs=0.05)
    assert "test/repetition" not in found
