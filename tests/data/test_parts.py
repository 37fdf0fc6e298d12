"""How examples are dealt to the parts, and what is refused or told."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.data.labels import Labels
from lossbench.data.parts import early_note, parts, repeated_note, shared_note
from lossbench.errors import InputError
from lossbench.seeds import numpy_generator

SHARES: dict[str, Any] = {"val_share": 0.2, "test_share": 0.2, "owner": "t.csv"}


def labels_of(codes: npt.ArrayLike) -> Labels:
    numbers = np.asarray(codes, dtype=np.int64)
    return Labels(tuple(f"class {code}" for code in range(numbers.max() + 1)), numbers)


@given(st.integers(30, 200), st.integers(0, 99), st.sampled_from(["", "labels", "groups", "times", "test"]))
def test_every_example_is_in_one_part(count: int, seed: int, how: str) -> None:
    drawn = np.random.default_rng(count)
    more: dict[str, Any] = {
        "": {},
        "labels": {"labels": labels_of(np.arange(count) % 3)},
        "groups": {"groups": np.arange(count) % 15},
        "times": {"times": drawn.integers(0, 20, count)},
        "test": {"test": np.arange(count - 6, count)},
    }[how]
    found = parts(count, seed, **{**SHARES, **more})
    assert list(found) == ["train", "val", "test"]
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(count))


def test_without_anything_else_the_draw_is_the_one_that_tables_have_always_had() -> None:
    order = numpy_generator(3, "split").permutation(103)
    found = parts(103, 3, **SHARES)
    assert found["test"].tolist() == order[:21].tolist()
    assert found["val"].tolist() == order[21:42].tolist()
    assert found["train"].tolist() == order[42:].tolist()


def test_parts_have_the_class_shares_of_the_whole() -> None:
    codes = np.repeat([0, 1, 2], [100, 50, 10])
    for seed in range(5):
        found = parts(160, seed, **SHARES, labels=labels_of(codes))
        assert [len(part) for part in found.values()] == [96, 32, 32]
        for part in found.values():
            shares = np.bincount(codes[part], minlength=3) / len(part)
            assert np.abs(shares - [0.625, 0.3125, 0.0625]).max() < 0.05


def test_groups_stay_whole_beside_labels_too() -> None:
    groups = np.arange(200) // 5
    found = parts(200, 1, **SHARES, labels=labels_of(np.arange(200) % 2), groups=groups)
    of = [set(groups[part]) for part in found.values()]
    assert sum(map(len, of)) == len(set.union(*of)) == 40


def test_the_latest_test_and_those_before_them_validate_for_every_seed() -> None:
    times = np.random.default_rng(0).permutation(100).astype(float)
    found = parts(100, 0, **SHARES, times=times)
    assert sorted(times[found["test"]]) == list(range(80, 100))
    assert sorted(times[found["val"]]) == list(range(60, 80))
    for part, other in zip(found.values(), parts(100, 7, **SHARES, times=times).values(), strict=True):
        assert np.array_equal(part, other)


def test_examples_of_one_time_stay_together() -> None:
    years = np.repeat([2001, 2002, 2003, 2004], [40, 25, 18, 17])
    found = parts(100, 0, **SHARES, times=years)
    assert {name: set(years[part]) for name, part in found.items()} == {
        "train": {2001, 2002},
        "val": {2003},
        "test": {2004},
    }
    with pytest.raises(InputError, match=r"which gives 0 for training, 30 for validation and 30 for the tes"):
        parts(60, 0, **SHARES, times=np.repeat([1, 2], 30))


def test_a_given_test_is_taken_as_it_is_and_the_others_are_cut_in_two() -> None:
    test = np.arange(80, 100)
    for more in ({}, {"labels": labels_of(np.arange(100) % 2)}, {"groups": np.arange(100) // 4}):
        found = parts(100, 0, **SHARES, test=test, **more)  # type: ignore[arg-type]
        assert found["test"].tolist() == test.tolist()
        assert len(found["val"]) == 16
    by_time = parts(100, 0, **SHARES, test=test, times=np.arange(100))
    assert sorted(by_time["val"]) == list(range(64, 80))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {},
            r"^t\.csv has 20 rows, which gives 12 for training, 4 for validation and 4 for the test, at",
        ),
        ({"groups": np.arange(20) // 4, "by": "person"}, r"^t\.csv has 20 rows in 5 groups of person, which"),
        (
            {"test": np.arange(2)},
            r"gives 14 for training, 4 for validation and 2 for the test, .*: give a longer test\.$",
        ),
        ({"test": np.arange(5, 20)}, r" 1 for validation and 15 for the test, .*: change data\.val_share\.$"),
        ({}, r": change data\.val_share or data\.test_share\.$"),
    ],
)
def test_parts_that_say_nothing_are_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parts(20, 0, **SHARES, **more)


def test_a_class_that_training_would_never_see_is_refused() -> None:
    codes = np.repeat([0, 1], [80, 20])
    with pytest.raises(InputError, match=r"t\.csv has no row of the class 'class 1' left for training: spl"):
        parts(100, 0, **SHARES, labels=labels_of(codes), times=np.arange(100))


def test_what_occurs_several_times_is_told_unless_one_group_holds_it() -> None:
    keys = ["a", "b", "a", "c", "c"]
    risk = "so some may be in training and in the test: remove them"
    assert repeated_note(keys) == (
        f"4 of 5 rows occur several times, {risk}, or name what they share in data.group",
    )
    assert repeated_note(["a", "b"]) == ()
    assert repeated_note(np.arange(5)) == ()
    assert repeated_note(keys, np.array([0, 0, 0, 1, 2])) == (f"2 of 5 rows occur several times, {risk}",)
    assert repeated_note(keys, np.array([0, 0, 0, 1, 1])) == ()


def test_groups_that_a_given_test_shares_with_the_others_are_told() -> None:
    groups = np.array([0, 0, 1, 2, 3, 1, 2, 4])
    assert shared_note(groups, np.arange(5, 8), "author") == (
        "2 of 4 groups of author are in data.test_path, too, so what is learned of them may help there: take "
        "them out of one of the two",
    )
    assert shared_note(groups, np.array([0, 1, 4]), "author") == ()
    assert shared_note(groups, None, "author") == shared_note(None, np.arange(2), "author") == ()


def test_a_given_test_that_is_not_the_latest_is_told() -> None:
    times = np.array([1.0, 2.0, 5.0, 5.0, 4.0, 6.0])
    assert early_note(times, np.arange(3, 6), "day") == (
        "2 of 3 rows of data.test_path are by day not after all of data.path, so what is learned may know "
        "what came later: take such rows out of data.test_path, or put both into one file, which data.time="
        "day splits",
    )
    assert early_note(times, np.array([5]), "day") == ()
    assert early_note(times, None, "day") == early_note(None, np.arange(2), "day") == ()
