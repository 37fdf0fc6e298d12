"""Kullback-Leibler divergence."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from scipy.stats import entropy

from lossbench.losses.cce import CCE
from lossbench.losses.kl import KL, kl_divergence
from lossbench.task import Target

weights = st.lists(st.floats(0.01, 1), min_size=4, max_size=4)


def distribution(numbers: list[float]) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64) / sum(numbers)


class TestKLDivergence:
    def test_scalar(self) -> None:
        value = kl_divergence(torch.zeros(2), torch.tensor([1.0, 0.0]))
        assert value.item() == pytest.approx(math.log(2))

    def test_batch_equals_torch_and_scipy(self) -> None:
        output = 3 * torch.randn(50, 5, dtype=torch.float64)
        target = torch.randn(50, 5, dtype=torch.float64).softmax(-1)
        ours = kl_divergence(output, target)
        reference = F.kl_div(output.log_softmax(-1), target, reduction="none").sum(-1)
        torch.testing.assert_close(ours, reference)
        torch.testing.assert_close(ours, torch.as_tensor(entropy(target, output.softmax(-1), axis=-1)))

    @pytest.mark.parametrize("shapes", [((4, 2), (4,)), ((4, 2), (4, 3)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must both be"):
            kl_divergence(torch.zeros(shapes[0]), torch.zeros(shapes[1]))

    def test_hand_values_in_the_stated_direction(self) -> None:
        half, skew = torch.tensor([0.5, 0.5]), torch.tensor([0.75, 0.25])
        to_skew = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
        to_half = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
        assert kl_divergence(skew.log(), half).item() == pytest.approx(to_skew)
        assert kl_divergence(half.log(), skew).item() == pytest.approx(to_half)

    def test_gradients(self) -> None:
        output = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
        target = torch.randn(6, 4, dtype=torch.float64).softmax(-1)
        target[0] = torch.tensor([0.0, 1.0, 0.0, 0.0])
        assert torch.autograd.gradcheck(lambda o: kl_divergence(o, target), output)

    @given(weights)
    def test_zero_for_equal_distributions(self, numbers: list[float]) -> None:
        same = distribution(numbers)
        assert kl_divergence(same.log() + 3.0, same).item() == pytest.approx(0, abs=1e-12)

    @given(weights, weights)
    def test_above_zero_for_any_others(self, first: list[float], second: list[float]) -> None:
        """Pinsker: at least twice the square of the total variation, so zero only for equal ones."""
        target, model = distribution(first), distribution(second)
        variation = (target - model).abs().sum().item() / 2
        assert kl_divergence(model.log(), target).item() >= 2 * variation**2 - 1e-12

    @given(st.floats(0.55, 0.95))
    def test_not_symmetric(self, share: float) -> None:
        half, skew = distribution([0.5, 0.5]), distribution([share, 1 - share])
        there, back = kl_divergence(skew.log(), half).item(), kl_divergence(half.log(), skew).item()
        assert there > back


class TestKL:
    def test_without_smoothing_equals_cce_bit_for_bit(self) -> None:
        output, target = 5 * torch.randn(50, 7), torch.randint(0, 7, (50,))
        values = []
        for loss in (KL(label_smoothing=0.0), CCE()):
            leaf = output.clone().requires_grad_()
            value = loss(leaf, target, Target("multiclass", 7))
            value.sum().backward()
            values.append((value, leaf.grad))
        assert torch.equal(values[0][0], values[1][0])
        assert torch.equal(values[0][1], values[1][1])

    def test_smoothed_label_is_the_minimum(self) -> None:
        # s = 0.2 over 4 classes: 0.85 and three times 0.05
        best = torch.tensor([[0.05, 0.85, 0.05, 0.05]]).log()
        value = KL(label_smoothing=0.2)(best, torch.tensor([1]), Target("identity", 4))
        assert value.item() == pytest.approx(0, abs=1e-6)

    def test_given_distributions_stay_as_they_are(self) -> None:
        kind = Target("distribution", 2, (-1.0, 1.0))
        target = torch.tensor([[1.0, 0.0]])
        value = KL(label_smoothing=0.5)(torch.zeros(1, 2), target, kind)
        assert value.item() == pytest.approx(math.log(2))

    def test_a_distribution_predicts_its_mean_and_no_classes(self) -> None:
        kind = Target("distribution", 3, (-4.0, 0.0, 4.0))
        output = torch.tensor([[0.0, 0.0, math.log(2)]]).expand(2, 5, 3)  # 1/4, 1/4, 1/2
        prediction = KL().predict(output, kind)
        torch.testing.assert_close(prediction["value"], torch.ones(2, 5, dtype=torch.float64))
        assert "scores" not in prediction
        assert "probabilities" not in prediction

    def test_classes_predict_logits_and_their_softmax(self) -> None:
        prediction = KL().predict(torch.tensor([[0.0, math.log(3)]]), Target("multiclass", 2))
        torch.testing.assert_close(prediction["probabilities"], torch.tensor([[0.25, 0.75]]))
        assert "value" not in prediction
