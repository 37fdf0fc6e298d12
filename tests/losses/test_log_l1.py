"""The logarithm of the absolute error."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from lossbench.losses.log_l1 import LogL1, log_absolute_error
from lossbench.losses.mae import absolute_error
from lossbench.task import Target


def at(error: float, alpha: float) -> float:
    output = torch.tensor([error], dtype=torch.float64)
    return log_absolute_error(output, torch.zeros_like(output), alpha=alpha).item()


def test_hand_values() -> None:
    # alpha 1/2: |e| 0 -> 0; 1/2 -> log 2; -1.5 -> log 4
    output = torch.tensor([[0.0], [0.5], [-1.5]], dtype=torch.float64)
    found = log_absolute_error(output, torch.zeros_like(output), alpha=0.5)
    np.testing.assert_allclose(found, [0, math.log(2), math.log(4)], rtol=1e-14)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 3.0])
def test_it_is_hus_but_for_a_constant(alpha: float) -> None:
    output, target = torch.randn(2, 50, 3, dtype=torch.float64).unbind()
    theirs = np.log(np.abs((output - target).numpy()) + alpha).mean(-1)
    np.testing.assert_allclose(
        log_absolute_error(output, target, alpha=alpha), theirs - math.log(alpha), rtol=1e-12
    )


@pytest.mark.parametrize("alpha", [0.3, 2.0])
def test_gradients(alpha: float) -> None:
    output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    target = torch.randn(5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda o: log_absolute_error(o, target, alpha=alpha), output)


@given(st.floats(1e-6, 1e6), st.floats(1e-2, 1e2), st.sampled_from([-1, 1]))
def test_an_error_of_alpha_pulls_half_as_much_as_a_small_one(size: float, alpha: float, sign: int) -> None:
    output = torch.tensor([sign * size], dtype=torch.float64, requires_grad=True)
    log_absolute_error(output, torch.zeros(1, dtype=torch.float64), alpha=alpha).backward()
    assert output.grad is not None
    assert output.grad.item() == pytest.approx(sign / (size + alpha), rel=1e-9)


@given(st.floats(-10, 10))
def test_of_a_large_alpha_it_is_the_absolute_error(error: float) -> None:
    output = torch.tensor([error], dtype=torch.float64)
    mae = absolute_error(output, torch.zeros_like(output)).item()
    assert 1e6 * at(error, alpha=1e6) == pytest.approx(mae, rel=1e-4)


def test_of_two_groups_it_may_learn_the_larger() -> None:
    """Between both is worst of all, where a convex loss would have its middle."""
    targets = torch.tensor([[0.0]] * 3 + [[10.0]] * 2, dtype=torch.float64)

    def cost(value: float) -> float:
        return log_absolute_error(torch.full_like(targets, value), targets, alpha=0.1).mean().item()

    assert cost(0) < cost(10) < cost(4)


@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4, 2), (4, 3)), ((), ())])
def test_wrong_shape(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="must both be"):
        log_absolute_error(torch.zeros(shapes[0]), torch.zeros(shapes[1]), alpha=1.0)


def test_a_value_at_each_place() -> None:
    output, target = torch.randn(4, 3, 2, 1), torch.randn(4, 3, 2)
    found = LogL1()(output, target, Target("continuous", shape=(3, 2)))
    torch.testing.assert_close(found, ((output.squeeze(-1) - target).abs() / 0.5 + 1).log())
