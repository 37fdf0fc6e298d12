"""Log-cosh."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from lossbench.losses.huber import huber
from lossbench.losses.log_cosh import LogCosh, log_cosh
from lossbench.losses.mae import absolute_error
from lossbench.losses.mse import squared_error
from lossbench.task import Target


def at(error: float, width: float) -> float:
    output = torch.tensor([error], dtype=torch.float64)
    return log_cosh(output, torch.zeros_like(output), width=width).item()


class TestLogCosh:
    def test_scalar(self) -> None:
        assert at(1.0, width=1.0) == pytest.approx(math.log(math.cosh(1.0)), rel=1e-14)

    @pytest.mark.parametrize("width", [0.1, 1.0, 3.0])
    def test_batch_equals_numpy(self, width: float) -> None:
        output, target = torch.randn(2, 50, 3, dtype=torch.float64).unbind()
        reference = (width * np.log(np.cosh((output - target).numpy() / width))).mean(-1)
        ours = log_cosh(output, target, width=width)
        assert ours.shape == (50,)
        np.testing.assert_allclose(ours.numpy(), reference, rtol=1e-9)

    @pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 2), (4, 3)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must both be"):
            log_cosh(torch.zeros(shapes[0]), torch.zeros(shapes[1]))

    def test_hand_values(self) -> None:
        # cosh(log 2) = 5/4, of both signs; and zero.
        output = torch.tensor([[math.log(2)], [-math.log(2)], [0.0]], dtype=torch.float64)
        values = log_cosh(output, torch.zeros_like(output))
        torch.testing.assert_close(values, torch.tensor([math.log(1.25)] * 2 + [0.0], dtype=torch.float64))
        assert values[2].item() == 0

    @pytest.mark.parametrize("width", [0.3, 2.0])
    def test_gradients(self, width: float) -> None:
        output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randn(5, 3, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: log_cosh(o, target, width=width), output)

    @given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e2))
    def test_gradient_is_the_tanh_of_the_error(self, error: float, width: float) -> None:
        output = torch.tensor([error], dtype=torch.float64, requires_grad=True)
        log_cosh(output, torch.zeros(1, dtype=torch.float64), width=width).backward()
        assert output.grad is not None
        assert output.grad.item() == pytest.approx(math.tanh(error / width), abs=1e-12)

    @given(st.floats(1e-6, 1e-3), st.floats(0.1, 10))
    def test_small_errors_cost_half_their_square(self, share: float, width: float) -> None:
        assert at(share * width, width) == pytest.approx(share**2 * width / 2, rel=1e-5)

    @given(st.floats(20, 1e6), st.floats(0.1, 10))
    def test_large_errors_cost_their_size_less_a_constant(self, share: float, width: float) -> None:
        assert at(-share * width, width) == pytest.approx(width * (share - math.log(2)), rel=1e-12)

    def test_single_precision_keeps_small_errors(self) -> None:
        error = torch.tensor([[1e-3], [1e-5]])
        np.testing.assert_allclose(log_cosh(error, torch.zeros_like(error)), [5e-7, 5e-11], rtol=2e-2)

    def test_of_one_width_it_lies_below_the_square_the_line_and_huber(self) -> None:
        output, target = torch.randn(2, 500, 1, dtype=torch.float64).mul(4).unbind()
        values = log_cosh(output, target)
        for other in (squared_error(output, target) / 2, absolute_error(output, target)):
            assert (values <= other).all()
        assert (values <= huber(output, target, delta=1.0) + 1e-12).all()


def test_classes_are_raw_scores_against_one_hot_rows() -> None:
    values = LogCosh(width=1.0)(
        torch.tensor([[math.log(2), 1.0]]), torch.tensor([1]), Target("multiclass", 2)
    )
    assert values.item() == pytest.approx(math.log(1.25) / 2)
