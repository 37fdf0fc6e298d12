"""Squared error."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from sklearn.metrics import brier_score_loss, mean_squared_error

from lossbench.losses.mse import MSE, squared_error
from lossbench.task import Target


class TestSquaredError:
    def test_scalar(self) -> None:
        assert squared_error(torch.tensor([3.0]), torch.tensor([1.0])).item() == 4.0

    def test_batch_equals_torch_and_sklearn(self) -> None:
        output, target = torch.randn(2, 50, 3, dtype=torch.float64).unbind()
        ours = squared_error(output, target)
        assert ours.shape == (50,)
        torch.testing.assert_close(ours, F.mse_loss(output, target, reduction="none").mean(-1))
        assert ours.mean().item() == pytest.approx(mean_squared_error(target, output))

    @pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 2), (4, 3)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must both be"):
            squared_error(torch.zeros(shapes[0]), torch.zeros(shapes[1]))

    def test_hand_values(self) -> None:
        output = torch.tensor([[0.5, 0.5], [1.0, 0.0], [-1.0, 2.0]])
        target = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        assert squared_error(output, target).tolist() == [0.25, 0.0, 1.0]

    def test_gradients(self) -> None:
        output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randn(5, 3, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: squared_error(o, target), output)

    @given(st.floats(0, 1e3), st.floats(0.1, 1e3), st.sampled_from([-1.0, 1.0]))
    def test_gradient_grows_with_the_error(self, small: float, more: float, sign: float) -> None:
        errors = sign * torch.tensor([[small], [small + more]], dtype=torch.float64)
        errors.requires_grad_()
        squared_error(errors, torch.zeros_like(errors)).sum().backward()
        near, far = errors.grad.abs().flatten().tolist()
        assert far > near
        assert far == pytest.approx(2 * (small + more))


class TestMSE:
    def test_classes_are_raw_scores_against_one_hot_rows(self) -> None:
        output = torch.tensor([[0.5, 0.0, 1.0], [9.0, 0.0, 0.0]])
        values = MSE()(output, torch.tensor([2, 0]), Target("multiclass", 3))
        torch.testing.assert_close(values, torch.tensor([0.25 / 3, 64.0 / 3]))
        prediction = MSE().predict(output, Target("multiclass", 3))
        assert prediction["scores"] is output
        assert "probabilities" not in prediction

    def test_two_classes_are_rows_of_two(self) -> None:
        """Whatever the number of classes, one rule; the softmax of two is a logit, and its square Brier's."""
        output, kind = torch.tensor([[0.5, 0.0], [9.0, 0.0]]), Target("binary", 2)
        assert MSE().outputs(kind, embedding_size=7) == 2
        assert MSE()(output, torch.tensor([1, 0]), kind).tolist() == [0.625, 32.0]
        assert MSE().gives(kind) == ("scores",)
        logits, target = torch.randn(50, 2).double(), torch.randint(0, 2, (50,))
        brier = MSE(softmax=True)(logits, target, kind).mean().item()
        positive = MSE(softmax=True).predict(logits, kind)["probabilities"][:, 1]
        assert brier == pytest.approx(brier_score_loss(target, positive), rel=1e-5)

    def test_a_value(self) -> None:
        output = torch.tensor([[1.0], [2.0]])
        assert MSE()(output, torch.tensor([0.0, 2.0]), Target("continuous")).tolist() == [1.0, 0.0]
        assert MSE().predict(output, Target("continuous"))["value"].tolist() == [1.0, 2.0]

    def test_softmax_is_the_brier_score(self) -> None:
        output, target, kind = (
            torch.randn(50, 4).double(),
            torch.randint(0, 4, (50,)),
            Target("multiclass", 4),
        )
        loss = MSE(softmax=True)
        probabilities = loss.predict(output, kind)["probabilities"]
        assert probabilities is not None
        values = loss(output, target, kind)
        expected = brier_score_loss(target, probabilities, labels=range(4), scale_by_half=False)
        assert 4 * values.mean().item() == pytest.approx(expected, rel=1e-5)
        assert "probabilities" not in MSE().predict(output, kind)
