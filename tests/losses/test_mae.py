"""Absolute error."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from sklearn.metrics import mean_absolute_error

from lossbench.losses.mae import MAE, absolute_error
from lossbench.task import Target


class TestAbsoluteError:
    def test_scalar(self) -> None:
        assert absolute_error(torch.tensor([-3.0]), torch.tensor([1.0])).item() == 4.0

    def test_batch_equals_torch_and_sklearn(self) -> None:
        output, target = torch.randn(2, 50, 3, dtype=torch.float64).unbind()
        ours = absolute_error(output, target)
        assert ours.shape == (50,)
        torch.testing.assert_close(ours, F.l1_loss(output, target, reduction="none").mean(-1))
        assert ours.mean().item() == pytest.approx(mean_absolute_error(target, output))

    @pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 2), (4, 3)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must both be"):
            absolute_error(torch.zeros(shapes[0]), torch.zeros(shapes[1]))

    def test_hand_values(self) -> None:
        output = torch.tensor([[0.5, 0.5], [1.0, 0.0], [-1.0, 2.0]])
        target = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
        assert absolute_error(output, target).tolist() == [0.5, 0.0, 1.5]

    def test_gradients(self) -> None:
        output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randn(5, 3, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: absolute_error(o, target), output)

    def test_gradient_at_zero_is_zero(self) -> None:
        output = torch.zeros(1, 1, requires_grad=True)
        absolute_error(output, torch.zeros(1, 1)).sum().backward()
        assert output.grad.item() == 0.0

    @given(st.floats(1e-6, 1e6), st.sampled_from([-1.0, 1.0]))
    def test_gradient_does_not_grow_with_the_error(self, size: float, sign: float) -> None:
        error = torch.tensor([[sign * size]], dtype=torch.float64, requires_grad=True)
        absolute_error(error, torch.zeros_like(error)).sum().backward()
        assert error.grad.item() == sign


class TestMAE:
    def test_classes_are_raw_scores_against_one_hot_rows(self) -> None:
        values = MAE()(torch.tensor([[0.5, 0.0, 1.0]]), torch.tensor([2]), Target("multiclass", 3))
        torch.testing.assert_close(values, torch.tensor([0.5 / 3]))

    def test_softmax_compares_probabilities_and_sums_to_a_constant_over_the_classes(self) -> None:
        # The condition of Ghosh, Kumar and Sastry (2017), theorem 1: sum_k L(f, k) = 2 (K - 1) / K here.
        output, kind = torch.randn(7, 4, dtype=torch.float64), Target("multiclass", 4)
        loss = MAE(softmax=True)
        values = torch.stack([loss(output, torch.full((7,), k), kind) for k in range(4)])
        right = output.softmax(-1)
        torch.testing.assert_close(values[1], (2 - 2 * right[:, 1]) / 4)
        torch.testing.assert_close(values.sum(0), torch.full((7,), 1.5, dtype=torch.float64))
        torch.testing.assert_close(loss.predict(output, kind)["probabilities"], right)
