"""Metrics of depths agree with numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lossbench.metrics.depth import of_ratios, of_shapes
from lossbench.metrics.families import FAMILIES
from lossbench.metrics.judge import judge
from lossbench.task import WEIGHT

SHAPES = [(7,), (40, 3), (6, 5, 4), (6, 5, 4, 2)]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5


def by_numpy(value: Any, target: Any) -> tuple[float, float]:
    """As Eigen's evaluation writes them."""
    threshold = np.maximum(target / value, value / target)
    return float(np.mean(np.abs(value - target) / target)), float((threshold < 1.25).mean())


def spread_by_numpy(value: Any, target: Any) -> float:
    """Of one example after another."""
    apart = np.log(value) - np.log(target)
    return float(np.sqrt(np.concatenate([(own - own.mean()) ** 2 for own in apart], None).mean()))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ratios_are_as_by_numpy(shape: tuple[int, ...]) -> None:
    value, target = drawn(2, *shape), drawn(2, *shape, seed=1)
    found = of_ratios(value, target)
    for member in range(2):
        expected = by_numpy(value[member].numpy(), target[member].numpy())
        assert [found[name][member].item() for name in ("abs_rel", "within_1.25")] == pytest.approx(expected)


def test_exactly_a_factor_of_1_25_is_outside() -> None:
    target = torch.full((1, 4), 4.0)
    value = torch.tensor([[5.0, 3.2, 4.999, 3.201]], dtype=torch.float64)
    assert of_ratios(value, target)["within_1.25"].item() == 0.5


def test_a_value_below_zero_is_outside_and_its_error_counts() -> None:
    found = of_ratios(torch.tensor([[-2.0, 2.0]]), torch.tensor([[2.0, 2.0]]))
    assert (found["within_1.25"].item(), found["abs_rel"].item()) == (0.5, 1.0)


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
def test_the_scale_invariant_error_is_as_by_numpy(shape: tuple[int, ...]) -> None:
    value, target = drawn(2, *shape), drawn(2, *shape, seed=1)
    found = of_shapes(value, target)["scale_invariant_rmse"]
    expected = [spread_by_numpy(value[m].numpy(), target[m].numpy()) for m in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(st.lists(st.floats(0.3, 3), min_size=6, max_size=6))
def test_a_factor_of_each_example_costs_it_nothing(factors: list[float]) -> None:
    target = drawn(1, 6, 5, 4)
    value = target * torch.tensor(factors, dtype=torch.float64).view(1, 6, 1, 1)
    assert of_shapes(value, target)["scale_invariant_rmse"].item() == pytest.approx(0, abs=1e-9)


def test_without_places_there_is_no_such_error() -> None:
    assert of_shapes(drawn(2, 7), drawn(2, 7)) == {}


@pytest.mark.parametrize("function", [of_ratios, of_shapes])
def test_a_target_that_is_not_above_zero_leaves_it_undefined(function: Any) -> None:
    value, target = drawn(2, 6, 5), drawn(2, 6, 5)
    target[1, 3, 2] = 0
    for values in function(value, target).values():
        assert values.isnan().tolist() == [False, True]


def test_what_weighs_nothing_takes_no_part() -> None:
    """Also where the target is no depth at all."""
    value, target = drawn(1, 6, 5, 4), drawn(1, 6, 5, 4, seed=1)
    weight = (drawn(1, 6, 5, 4, seed=2) < 1.2).double()
    wild = target.where(weight > 0, -1)
    found = judge({"value": value}, {"continuous": wild, WEIGHT: weight}, FAMILIES["depth"])
    known = weight[0].numpy() > 0
    one, other = value[0].numpy(), target[0].numpy()
    assert (found["abs_rel"].item(), found["within_1.25"].item()) == pytest.approx(
        by_numpy(one[known], other[known])
    )
    apart = [np.log(v[k]) - np.log(t[k]) for v, t, k in zip(one, other, known, strict=True)]
    squares = np.concatenate([(own - own.mean()) ** 2 for own in apart])
    assert found["scale_invariant_rmse"].item() == pytest.approx(np.sqrt(squares.mean()))


def test_weights_of_examples_count_for_all_their_places() -> None:
    value, target = drawn(1, 3, 5), drawn(1, 3, 5, seed=1)
    weight = torch.tensor([[1.0, 0.0, 2.0]])
    rows = [0, 2, 2]
    for function in (of_ratios, of_shapes):
        found, expected = function(value, target, weight), function(value[:, rows], target[:, rows])
        for name, values in found.items():
            torch.testing.assert_close(values, expected[name])
