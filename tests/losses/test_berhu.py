"""The reverse Huber loss."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from lossbench.losses.berhu import BerHu, reverse_huber
from lossbench.losses.huber import huber
from lossbench.losses.mae import absolute_error
from lossbench.task import WEIGHT, Target

PIXELS = Target("continuous", shape=(5, 4))


def lainas(error: np.ndarray[Any, Any], share: float) -> np.ndarray[Any, Any]:
    """As the paper writes it, of all pixels of a batch."""
    size = np.abs(error)
    bend = share * size.max()
    return np.where(size <= bend, size, (error**2 + bend**2) / (2 * bend))


def test_hand_values() -> None:
    # The largest error is 10, so c = 2: 1 -> 1; 2 -> 2 on the seam; -4 -> (16 + 4) / 4; 10 -> 104 / 4; 0 -> 0
    output = torch.tensor([[1.0], [2.0], [-4.0], [10.0], [0.0]])
    found = reverse_huber(output, torch.zeros(5, 1), share=0.2)
    assert found.tolist() == [1.0, 2.0, 5.0, 26.0, 0.0]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.7])
def test_batch_equals_numpy(share: float) -> None:
    output, target = torch.randn(2, 6, 5, 4, 3, dtype=torch.float64).unbind()
    expected = lainas((output - target).numpy(), share).mean(-1)
    np.testing.assert_allclose(reverse_huber(output, target, share=share), expected, rtol=1e-12)


def test_gradient_is_the_sign_and_beyond_the_bend_the_error_over_it() -> None:
    error = torch.tensor([[0.5], [-2.0], [4.0], [-10.0], [0.0]], requires_grad=True)
    reverse_huber(error, torch.zeros(5, 1), share=0.2).sum().backward()
    assert error.grad is not None
    assert error.grad.flatten().tolist() == [1.0, -1.0, 2.0, -5.0, 0.0]


def test_gradients_with_the_bend_held() -> None:
    """The largest error is of an output that is not moved, for the bend is a constant in the gradient."""
    output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    target = torch.randn(5, 3, dtype=torch.float64)
    far = torch.full((1, 3), 9.0, dtype=torch.float64)

    def of(moved: torch.Tensor) -> torch.Tensor:
        return reverse_huber(torch.cat([moved, far]), torch.cat([target, torch.zeros_like(far)]), share=0.05)

    assert torch.autograd.gradcheck(of, output)


@given(st.floats(-5, 5), st.floats(0.01, 1))
def test_it_is_never_below_the_absolute_error_and_never_below_huber(error: float, share: float) -> None:
    output = torch.tensor([[error], [6.0]], dtype=torch.float64)
    zeros = torch.zeros_like(output)
    found = reverse_huber(output, zeros, share=share)
    assert (found >= absolute_error(output, zeros) - 1e-12).all()
    bend = 6 * share
    assert (found >= huber(output, zeros, delta=bend) / bend - 1e-12).all()


def test_at_a_share_of_1_it_is_the_absolute_error() -> None:
    output, target = torch.randn(2, 50, 3).unbind()
    torch.testing.assert_close(
        reverse_huber(output, target, share=1.0), absolute_error(output, target), rtol=1e-6, atol=1e-6
    )


@given(st.floats(1e-3, 1e3))
def test_it_follows_the_units(factor: float) -> None:
    """No unit is in it: the bend goes with the errors."""
    output = torch.tensor([[0.1], [2.0], [-3.0]], dtype=torch.float64)
    one, other = (reverse_huber(own, torch.zeros_like(own), share=0.2) for own in (output, factor * output))
    torch.testing.assert_close(other, factor * one)


def test_exact_outputs_cost_and_pull_nothing() -> None:
    output = torch.ones(4, 2, requires_grad=True)
    found = reverse_huber(output, torch.ones(4, 2), share=0.2)
    found.sum().backward()
    assert output.grad is not None
    assert found.tolist() == [0.0] * 4
    assert output.grad.eq(0).all()


class TestWeights:
    def test_what_weighs_nothing_is_no_largest_error(self) -> None:
        output, target = torch.randn(2, 6, 5, 4).unbind()
        weight = (torch.rand(6, 5, 4) < 0.7).float()
        wild = target.where(weight > 0, 1e6)
        expected = lainas((output - target).where(weight > 0, 0).numpy(), 0.2)
        found = BerHu()(output.unsqueeze(-1), {"continuous": wild, WEIGHT: weight}, PIXELS)
        assert found.shape == (6, 5, 4)
        np.testing.assert_allclose(found[weight > 0], expected[weight.numpy() > 0], rtol=1e-5)

    def test_of_whole_examples(self) -> None:
        output = torch.tensor([[1.0], [100.0], [10.0]])
        target = {"continuous": torch.zeros(3), WEIGHT: torch.tensor([1.0, 0.0, 2.0])}
        found = BerHu()(output, target, Target("continuous"))
        assert found[[0, 2]].tolist() == [1.0, 26.0]

    def test_data_without_weights_has_none(self) -> None:
        output = torch.tensor([[1.0], [10.0]])
        found = BerHu()(output, {"continuous": torch.zeros(2)}, Target("continuous"))
        assert found.tolist() == [1.0, 26.0]


def test_members_side_by_side_each_have_a_bend_of_their_own() -> None:
    outputs, target = torch.randn(3, 6, 5, 4, 1), torch.randn(6, 5, 4)
    weight, shares = (torch.rand(6, 5, 4) < 0.7).float(), torch.tensor([0.1, 0.2, 0.9])

    def one(output: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        return BerHu(share=share)(output, {"continuous": target, WEIGHT: weight}, PIXELS)  # type: ignore[arg-type]

    together = torch.vmap(one)(outputs, shares)
    apart = torch.stack([one(output, share) for output, share in zip(outputs, shares, strict=True)])
    torch.testing.assert_close(together, apart)


@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4, 2), (4, 3)), ((), ())])
def test_wrong_shape(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="must both be"):
        reverse_huber(torch.zeros(shapes[0]), torch.zeros(shapes[1]), share=0.2)
