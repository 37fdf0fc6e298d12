"""Sentences as numbers, learned from training sentences alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from lossbench.data.words import UNKNOWN, known_words, spoken, tfidf, word_ids, words
from lossbench.errors import InputError

TRAINING = ["the film is good", "the film is not good!", "not the best film", "it isn't the best :)"]
TEST = "the unseen film wins"


def _dense(pairs: torch.Tensor, columns: int) -> np.ndarray:
    rows = np.zeros((len(pairs), columns))
    for row, sentence in enumerate(pairs.numpy()):
        for column, weight in sentence:
            rows[row, int(column)] += weight
    return rows


def test_words_keep_what_speaks_of_sentiment() -> None:
    said = "It isn't GOOD, it's great!! :-) <3 see http://url_removed... D'oh?"
    expected = "it isn't good it's great ! ! :-) <3 see http://url_removed... d'oh ?"
    assert words(said) == expected.split()
    assert spoken("Yay! Another GOOD interview.") == spoken("YAY, another good interview!!!")
    assert spoken("...") == "..."


def test_ids_are_given_by_frequency_then_alphabet() -> None:
    ids = known_words(TRAINING, vocabulary=100, min_count=2)
    assert ids == {"the": 2, "film": 3, "best": 4, "good": 5, "is": 6, "not": 7}
    assert known_words(TRAINING, vocabulary=4, min_count=1) == {"the": 2, "film": 3}


def test_a_word_of_the_test_alone_is_unknown() -> None:
    ids = known_words(TRAINING, vocabulary=100, min_count=1)
    rows = word_ids([TEST, *TRAINING], ids, length=6)
    assert rows[0].tolist() == [ids["the"], UNKNOWN, ids["film"], UNKNOWN, 0, 0]
    assert UNKNOWN not in rows[1:]


def test_long_sentences_are_cut_and_short_ones_padded_at_the_end() -> None:
    rows = word_ids(["a b c d e", "a", "..."], {"a": 2, "b": 3, "c": 4}, length=3)
    assert rows.tolist() == [[2, 3, 4], [2, 0, 0], [0, 0, 0]]
    assert rows.dtype == torch.int64


def test_tfidf_rows_equal_scikit_learns() -> None:
    pairs = tfidf([*TRAINING, TEST], TRAINING, vocabulary=12, min_count=1, length=20)
    assert pairs.shape == (5, 39, 2)
    reference = TfidfVectorizer(
        analyzer="word",
        tokenizer=words,
        token_pattern=None,
        ngram_range=(1, 2),
        max_features=12,
        sublinear_tf=True,
    ).fit(TRAINING)
    expected = reference.transform([*TRAINING, TEST]).toarray()
    np.testing.assert_allclose(_dense(pairs, 12), expected, atol=1e-6)


def test_tfidf_reads_the_beginning_of_a_sentence_and_no_unknown_terms() -> None:
    pairs = tfidf(["good film", "good nothing film", "unseen"], ["good film", "film"], 10, 1, length=2)
    rows = _dense(pairs, 3)
    assert (rows != 0).sum(1).tolist() == [3, 1, 0]


def test_training_text_without_words_is_refused() -> None:
    with pytest.raises(InputError, match="leaves no word"):
        known_words(["...", "--"], 10, 1)
    with pytest.raises(InputError, match="leaves no word"):
        tfidf(["a"], ["...", "--"], 10, 1, 5)
