"""Metrics of values agree with scikit-learn and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from lossbench.metrics.continuous import continuous, disputed, median

REFERENCES = {
    "mae": reference.mean_absolute_error,
    "rmse": reference.root_mean_squared_error,
    "median_ae": reference.median_absolute_error,
    "r2": reference.r2_score,
}


@pytest.mark.parametrize("members", [1, 5])
@pytest.mark.parametrize("examples", [2, 7, 100])
@pytest.mark.parametrize("ties", [False, True])
def test_values_are_judged_as_by_scikit_learn(members: int, examples: int, ties: bool) -> None:
    generator = torch.Generator().manual_seed(examples)
    value, target = torch.randn(2, members, examples, generator=generator) * 3
    if ties:
        value, target = value.round(), target.round()
    results = continuous(value, target)
    assert results.keys() == REFERENCES.keys()
    for name, result in results.items():
        expected = [
            REFERENCES[name](t, v)
            for v, t in zip(value.double().numpy(), target.double().numpy(), strict=True)
        ]
        assert result.dtype == torch.float64
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12, err_msg=name)


@given(arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 9)), elements=st.floats(-1e6, 1e6)))
def test_the_median_is_numpys(values: np.ndarray) -> None:
    np.testing.assert_array_equal(median(torch.from_numpy(values)), np.median(values, axis=-1))


def test_a_constant_target_gives_scikit_learns_r2() -> None:
    target = torch.full((2, 10), 0.1)
    value = torch.stack([target[0], torch.arange(10.0)])
    assert continuous(value, target)["r2"].tolist() == [1.0, 0.0]
    assert [reference.r2_score(t, v) for v, t in zip(value, target, strict=True)] == [1.0, 0.0]


def test_a_hundred_thousand_offset_keeps_its_digits() -> None:
    """float32 predictions of a far-away target: sums and means are in float64."""
    target = 1e5 + torch.rand(1, 1000, generator=torch.Generator().manual_seed(0))
    value = target + 0.25
    np.testing.assert_allclose(continuous(value, target)["mae"], [0.25], rtol=1e-6)
    expected = reference.r2_score(target[0].double(), value[0].double())
    np.testing.assert_allclose(continuous(value, target)["r2"], [expected], rtol=1e-9)


def test_the_disputed_quarter_holds_the_widest_ratings_and_the_earlier_of_equal_ones() -> None:
    agreed, split, unsure = [0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.25, 0.5, 0.25]
    shares = torch.tensor([[agreed, unsure, split, agreed, unsure, agreed, agreed, agreed]])
    assert disputed(shares).tolist() == [[2, 1]]
