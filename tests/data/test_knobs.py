"""Knobs of data sets out of their range are refused with a sentence that names them."""

from __future__ import annotations

from typing import Any

import pytest

from lossbench.data.faces import Faces
from lossbench.data.mnist import MNIST
from lossbench.data.mnist_5k import MNIST5k
from lossbench.data.outliers import Outliers
from lossbench.data.sentiment import Sentiment
from lossbench.data.source import DataSource
from lossbench.errors import InputError

REFUSED: list[tuple[type[DataSource], dict[str, Any], str]] = [
    (Outliers, {"contamination": 1.5}, "data.contamination must be at least 0 and at most 1; got 1.5"),
    (Outliers, {"contamination": -0.1}, "data.contamination"),
    (Outliers, {"contamination": float("nan")}, "data.contamination"),
    (Outliers, {"noise": -1.0}, "data.noise"),
    (Outliers, {"noise": float("inf")}, "data.noise"),
    (Outliers, {"outlier_scale": 0.0}, "data.outlier_scale"),
    (Outliers, {"outlier": "one-sided"}, "did you mean 'one_sided'"),
    (Outliers, {"curve": "sinus"}, "did you mean 'sine'"),
    (Outliers, {"train_size": 0}, "data.train_size"),
    (Outliers, {"train_size": 10.5}, "data.train_size must be a whole number"),
    (MNIST5k, {"label_noise": -1}, "data.label_noise"),
    (MNIST5k, {"label_noise": 1.01}, "data.label_noise"),
    (MNIST5k, {"train_size": 4000}, "add up to 5500"),
    (MNIST5k, {"val_size": 3}, "data.val_size"),
    (MNIST, {"val_size": "many"}, "data.val_size"),
    (MNIST, {"train_size": 0}, "data.train_size"),
    (Sentiment, {"source": "movie"}, "did you mean 'movies'"),
    (Sentiment, {"source": ""}, "data.source"),
    (Sentiment, {"neutral_band": -0.5}, "data.neutral_band"),
    (Sentiment, {"neutral_band": 4}, "data.neutral_band"),
    (Sentiment, {"val_share": 0.5, "test_share": 0.5}, "add up to 1: together they must stay below 1"),
    (Sentiment, {"vocabulary": 2}, "data.vocabulary"),
    (Sentiment, {"length": 0}, "data.length"),
    (Sentiment, {"min_count": 0}, "data.min_count"),
    (Faces, {"train_people": 1}, "data.train_people"),
    (Faces, {"train_people": 30}, "add up to 46; there are 40 people"),
    (Faces, {"shifts": -1}, "data.shifts"),
    (Faces, {"shifts": 23}, "data.shifts"),
    (Faces, {"mirror": "yes"}, "data.mirror must be true or false"),
]


@pytest.mark.parametrize(("kind", "knobs", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_knob_out_of_range_is_refused(kind: type[DataSource], knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        kind(name="some", **knobs)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_only_the_data_can_tell_is_refused_when_loading() -> None:
    refused = [
        ({"neutral_band": 3.8}, "lower data.neutral_band"),
        ({"train_size": 1_000_000}, "data.train_size"),
        ({"min_count": 1_000_000}, "data.min_count=1000000 leaves no word"),
    ]
    for knobs, words in refused:
        for reads in ("tokens", "tfidf"):
            with pytest.raises(InputError, match=words):
                Sentiment(name="sentiment", source="products", **knobs).load(0, reads)
