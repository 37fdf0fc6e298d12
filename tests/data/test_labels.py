"""Labels of a user's file become classes with their names, or one sentence says why they cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.data.labels import (
    Labels,
    class_targets,
    class_values,
    names_as_text,
    names_of_text,
    notes,
    read_labels,
)
from lossbench.errors import InputError
from lossbench.task import Target

OWNER = "the target species of iris.csv"


@given(st.lists(st.sampled_from(["b", "a", "10", "9", "c d"]), min_size=4, max_size=40))
def test_every_example_keeps_the_name_of_its_class(texts: list[str]) -> None:
    if len(set(texts)) < 2 or 2 * len(set(texts)) > len(texts):
        return
    labels = read_labels(texts, OWNER, fewest=1)
    assert [labels.names[code] for code in labels.codes] == texts
    assert sorted(labels.names) == sorted(set(texts))
    assert labels.codes.dtype == np.int64
    assert labels.counts == [texts.count(name) for name in labels.names]


def test_numbers_are_in_order_of_size_and_texts_in_that_of_the_alphabet() -> None:
    assert read_labels(["10", "2", "1"] * 5, OWNER).names == ("1", "2", "10")
    assert read_labels(["-1", "1.5", "1"] * 5, OWNER).names == ("-1", "1", "1.5")
    assert read_labels(["10", "2", "x"] * 5, OWNER).names == ("10", "2", "x")


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a", "b", "", "a"] * 5, "is missing in row 3, and 4 more; remove such rows"),
        (["a", "b", "a", " "], "is missing in row 4; remove such rows"),
        (["a"] * 9, "is 'a' in every row: nothing to learn"),
        ([], "is empty: nothing to learn"),
        ([str(row) for row in range(60)], "has 60 different labels in 60 rows .* looks like an id"),
        ([str(row // 3) for row in range(6000)], "has 2000 different labels in 6000 rows"),
        (["a"] * 9 + ["b"] * 8 + ["c"], r"has the class 'c' in 1 row alone, at least 5 are needed"),
        (["a"] * 9 + ["b"] * 4 + ["c"] * 3, r"has the class 'c' in 3 rows alone \(one of 2 such classes\)"),
    ],
)
def test_labels_that_are_no_classes_are_refused_in_one_sentence(texts: list[str], words: str) -> None:
    with pytest.raises(InputError, match=rf"^The target species of iris\.csv {words}") as caught:
        read_labels(texts, OWNER)
    assert "\n" not in str(caught.value)


def test_what_may_be_wrong_is_told() -> None:
    plain = read_labels(["yes", "no"] * 5, OWNER)
    assert notes(plain) == ()
    told = notes(read_labels(["Red", "red", "re d", "NA", "1", "1.0"] * 5, OWNER))
    assert told == (
        "the classes '1' and '1.0' are one number: write them alike if they are the same class",
        "the classes 'Red' and 're d' differ in case or spaces alone: write them alike if they are the same "
        "class",
        "the classes 'Red' and 'red' differ in case or spaces alone: write them alike if they are the same "
        "class",
        "the classes mix texts and numbers, such as 'NA' and '1'",
        "'NA' is a class of 5 rows; if it says that the class is unknown, remove such rows",
    )
    uneven = notes(read_labels(["ham"] * 101 + ["spam"] * 5, OWNER))
    assert uneven == (
        "the classes are uneven: 101 rows of 'ham', 5 of 'spam'; always 'ham' has an accuracy of 0.95: "
        "judge by another metric, as experiment.judge=mcc",
    )
    assert notes(read_labels(["ham"] * 45 + ["spam"] * 5, OWNER))[0].startswith("the classes are uneven: 45")
    assert not notes(read_labels(["ham"] * 44 + ["spam"] * 5, OWNER))
    of_many = [name for name, count in zip("abcd", (105, 60, 60, 5), strict=True) for _ in range(count)]
    assert notes(read_labels(of_many, OWNER)) == ("the classes are uneven: 105 rows of 'a', 5 of 'd'",)


def test_two_classes_have_a_positive_one_and_more_have_none() -> None:
    two = class_targets(("no", "yes"))
    assert two == (Target("binary", 2, names=("no", "yes")), Target("identity", 2, names=("no", "yes")))
    assert [target.kind for target in class_targets("abc")] == ["multiclass", "identity"]
    values = class_values(np.array([0, 1, 1]), two)
    assert {kind: own.tolist() for kind, own in values.items()} == {
        "binary": [0, 1, 1],
        "identity": [0, 1, 1],
    }


def test_names_come_back_from_what_a_run_carries() -> None:
    targets = (*class_targets(("größe", "b")), Target("continuous"))
    assert names_of_text(names_as_text(targets)) == {
        "binary": ("größe", "b"),
        "identity": ("größe", "b"),
    }
    assert names_as_text((Target("multiclass", 10),)) == ""
    assert names_as_text(class_targets([f"a long name {number}" for number in range(1000)])) == ""
    for text in ("", None, float("nan"), "{", "[1]", '{"kinds": 1}'):
        assert names_of_text(text) == {}


def test_counts_of_classes_without_examples_are_zero() -> None:
    assert Labels(("a", "b", "c"), np.array([0, 0, 1])).counts == [2, 1, 0]
