"""Rated sentences: targets that agree, words from training alone, and text that can be learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from lossbench.data.rated_sentences import read_rated
from lossbench.data.sentiment import Sentiment
from lossbench.data.source import DataSet, Examples
from lossbench.data.words import UNKNOWN, words


def _load(reads: str = "tokens", seed: int = 0, **knobs: object) -> DataSet:
    return Sentiment(name="sentiment", **{"source": "products", **knobs}).load(seed, reads)


def _texts(data: DataSet, part: Examples, source: str = "products") -> list[str]:
    kept = [one.text for one in read_rated(source) if one.mean != 0]
    assert len(kept) == len(data.inputs)
    return [kept[row] for row in part.rows]


def test_the_targets_tell_of_the_same_ratings() -> None:
    data = _load()
    support = next(t.support for t in data.description.targets if t.kind == "distribution")
    for part in (data.train, data.val, data.test):
        targets = part.targets
        torch.testing.assert_close(targets["distribution"].sum(-1), torch.ones(len(part)))
        torch.testing.assert_close(
            targets["distribution"].double() @ torch.tensor(support).double(),
            targets["continuous"],
            atol=1e-5,
            rtol=0,
        )
        assert torch.equal(targets["binary"], (targets["continuous"] > 0).long())
        assert torch.equal(targets["identity"], targets["binary"])


@pytest.mark.parametrize("band", [0.0, 0.5])
def test_sentences_without_a_class_are_left_out_for_all(band: float) -> None:
    data = _load(neutral_band=band)
    kept = [one.mean for one in read_rated("products") if abs(one.mean) > band]
    assert sum(data.description.sizes.values()) == len(kept)
    means = torch.cat([part.targets["continuous"] for part in (data.train, data.val, data.test)])
    assert sorted(means.tolist()) == pytest.approx(sorted(kept))
    assert means.abs().min() > band


def test_both_signs_have_the_same_share_in_every_split() -> None:
    data = _load(source="tweets")
    shares = [part.targets["binary"].float().mean() for part in (data.train, data.val, data.test)]
    assert max(shares) - min(shares) < 0.003
    sizes = data.description.sizes
    total = sum(sizes.values())
    assert (sizes["val"], sizes["test"]) == (round(total * 0.1), round(total * 0.2))


def test_a_training_size_takes_fewer_and_leaves_the_rest_alone() -> None:
    few, many = (_load(train_size=size) for size in (100, 1000))
    assert torch.equal(few.train.rows, many.train.rows[:100])
    assert torch.equal(few.test.rows, many.test.rows)
    assert not torch.equal(few.inputs, many.inputs)  # fewer sentences know fewer words


def test_words_are_known_from_training_sentences_alone() -> None:
    data = _load(min_count=1)
    in_training = {word for text in _texts(data, data.train) for word in words(text)}
    assert UNKNOWN not in data.inputs[data.train.rows]
    unseen = 0
    for part in (data.val, data.test):
        for text, row in zip(_texts(data, part), data.inputs[part.rows], strict=True):
            for word, number in zip(words(text)[: len(row)], row.tolist(), strict=False):
                assert (number == UNKNOWN) == (word not in in_training)
                unseen += number == UNKNOWN
    assert unseen > 100


def test_no_test_sentence_says_what_a_training_sentence_says() -> None:
    data = _load(source="tweets", min_count=1)
    training = {
        " ".join(w for w in words(text) if w[0].isalnum()) for text in _texts(data, data.train, "tweets")
    }
    for text in _texts(data, data.test, "tweets"):
        assert " ".join(w for w in words(text) if w[0].isalnum()) not in training


def test_shapes_do_not_depend_on_the_seed() -> None:
    for reads, shape in (("tokens", (20,)), ("tfidf", (39, 2))):
        for seed in (0, 1):
            inputs = _load(reads, seed, length=20, vocabulary=500).description.inputs
            assert (inputs.shape, inputs.vocabulary) == (shape, 500)
    assert _load(length=20, vocabulary=500).inputs.max() == 499


def _matrix(data: DataSet, part: Examples) -> csr_matrix:
    pairs = data.inputs[part.rows].numpy()
    row = np.repeat(np.arange(len(pairs)), pairs.shape[1])
    column = pairs[..., 0].astype(int).ravel()
    return csr_matrix(
        (pairs[..., 1].ravel(), (row, column)), (len(pairs), data.description.inputs.vocabulary)
    )


@pytest.mark.parametrize(("source", "least"), [("movies", 0.75), ("tweets", 0.79)])
def test_an_independent_solver_learns_the_sign(source: str, least: float) -> None:
    data = _load("tfidf", source=source)
    solver = LogisticRegression(C=3.0).fit(_matrix(data, data.train), data.train.targets["binary"])
    assert solver.score(_matrix(data, data.test), data.test.targets["binary"]) >= least


def test_balance_weighs_both_signs_alike_in_training_and_changes_nothing_else() -> None:
    plain, data = (_load(source="products", balance=balance) for balance in (False, True))
    totals = torch.zeros(2).index_add(0, data.train.targets["binary"], data.train.targets["weight"])
    assert totals[0].item() == pytest.approx(totals[1].item(), rel=1e-5)
    assert (data.val.targets["weight"] == 1).all()
    assert (data.test.targets["weight"] == 1).all()
    assert torch.equal(data.train.rows, plain.train.rows)
    assert data.inputs is plain.inputs
