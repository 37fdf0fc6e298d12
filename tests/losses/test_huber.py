"""Huber's loss."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given

from lossbench.losses.huber import Huber, huber
from lossbench.task import Target


def at(error: float, delta: float) -> float:
    output = torch.tensor([error], dtype=torch.float64)
    return huber(output, torch.zeros_like(output), delta=delta).item()


class TestHuber:
    def test_scalar(self) -> None:
        assert at(3.0, delta=1.0) == 2.5

    @pytest.mark.parametrize("delta", [0.1, 1.0, 3.0])
    def test_batch_equals_torch(self, delta: float) -> None:
        output, target = torch.randn(2, 50, 3, dtype=torch.float64).unbind()
        reference = F.huber_loss(output, target, reduction="none", delta=delta).mean(-1)
        torch.testing.assert_close(huber(output, target, delta=delta), reference)

    @pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 2), (4, 3)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must both be"):
            huber(torch.zeros(shapes[0]), torch.zeros(shapes[1]), delta=1.0)

    def test_hand_values(self) -> None:
        # delta 2: 1 -> 1/2; 2 -> 2 on the seam; -5 -> 2 (5 - 1) = 8; 0 -> 0
        output = torch.tensor([[1.0], [2.0], [-5.0], [0.0]])
        assert huber(output, torch.zeros(4, 1), delta=2.0).tolist() == [0.5, 2.0, 8.0, 0.0]

    @pytest.mark.parametrize("delta", [0.3, 2.0])
    def test_gradients(self, delta: float) -> None:
        output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randn(5, 3, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: huber(o, target, delta=delta), output)

    def test_gradient_is_the_error_clipped_at_delta(self) -> None:
        error = torch.tensor([[0.0], [0.5], [-2.0], [2.0], [7.0], [-7.0]], requires_grad=True)
        huber(error, torch.zeros(6, 1), delta=2.0).sum().backward()
        assert error.grad.flatten().tolist() == [0.0, 0.5, -2.0, 2.0, 2.0, -2.0]

    @given(st.floats(-1, 1), st.floats(1e-3, 1e3))
    def test_half_the_square_inside_delta(self, share: float, delta: float) -> None:
        error = share * delta
        assert at(error, delta) == pytest.approx(error**2 / 2)

    @given(st.floats(1, 1e3), st.floats(1, 1e3), st.floats(1e-3, 1e3), st.sampled_from([-1, 1]))
    def test_linear_outside(self, first: float, step: float, delta: float, sign: int) -> None:
        """Equal steps of the error cost equal amounts: delta each."""
        one, two, three = (at(sign * delta * (first + n * step), delta) for n in range(3))
        assert two - one == pytest.approx(three - two, rel=1e-6)
        assert two - one == pytest.approx(delta * delta * step, rel=1e-6)


class TestHuberDeclaration:
    def test_classes_are_raw_scores_against_one_hot_rows(self) -> None:
        values = Huber(delta=1.0)(torch.tensor([[3.0, 1.0]]), torch.tensor([1]), Target("multiclass", 2))
        assert values.tolist() == [1.25]
