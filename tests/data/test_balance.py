"""Weights by class come from training rows alone, and are scikit-learn's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from sklearn.utils.class_weight import compute_sample_weight

from lossbench.data.balance import class_weights, weighed
from lossbench.data.part_examples import part_examples
from lossbench.data.source import Split
from lossbench.task import WEIGHT

if TYPE_CHECKING:
    from lossbench.data.splits import Ids

codes_of = st.integers(2, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(st.integers(0, classes - 1), max_size=60).map(lambda more: [*range(classes), *more]),
    )
)


@given(codes_of)
def test_weights_are_those_of_scikit_learn_and_every_class_weighs_the_same(
    drawn: tuple[int, list[int]],
) -> None:
    classes, codes = drawn
    weights = class_weights(np.array(codes), classes)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", codes), rtol=1e-6)
    np.testing.assert_allclose(np.bincount(codes, weights), len(codes) / classes, rtol=1e-5)
    assert weights.mean() == pytest.approx(1, rel=1e-5)


def test_tensors_are_read_as_well() -> None:
    codes = torch.tensor([0, 0, 0, 1])
    assert class_weights(codes, 2).tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


def test_a_class_without_training_rows_is_counted_among_the_classes() -> None:
    assert class_weights([0, 0, 2], 3).tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert class_weights([], 3).shape == (0,)


def test_a_code_that_is_no_class_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 1; got 2"):
        class_weights([0, 2], 2)


def test_rows_outside_of_training_weigh_one_and_decide_nothing() -> None:
    codes = np.array([0, 0, 1, 1, 0, 1])
    rows: dict[Split, Ids] = {"train": np.array([0, 2, 4]), "val": np.array([1, 3]), "test": np.array([5])}

    def weights(codes: Ids) -> dict[Split, torch.Tensor]:
        known = part_examples({"binary": codes}, rows, lambda values: weighed(values, "binary", 2))
        return {part: one.targets[WEIGHT] for part, one in known.items()}

    weight = weights(codes)
    assert {one.dtype for one in weight.values()} == {torch.float32}
    assert weight["train"].tolist() == pytest.approx([0.75, 1.5, 0.75])
    assert [*weight["val"].tolist(), *weight["test"].tolist()] == [1, 1, 1]
    other = codes.copy()
    other[[1, 3, 5]] = 1 - other[[1, 3, 5]]
    assert torch.equal(weights(other)["train"], weight["train"])
