"""Mean absolute percentage error."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from one_number import log_normal
from sklearn.metrics import mean_absolute_percentage_error

from lossbench.losses.mape import MAPE, percentage_error
from lossbench.task import Target


class TestPercentageError:
    def test_scalar(self) -> None:
        assert percentage_error(torch.tensor([3.0]), torch.tensor([2.0])).item() == 0.5

    def test_batch_equals_sklearn(self) -> None:
        output, target = torch.randn(2, 50, 3, dtype=torch.float64).unbind()
        ours = percentage_error(output, target)
        assert ours.shape == (50,)
        assert ours.mean().item() == pytest.approx(mean_absolute_percentage_error(target, output))

    @pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 2), (4, 3)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must both be"):
            percentage_error(torch.zeros(shapes[0]), torch.zeros(shapes[1]))

    def test_hand_values(self) -> None:
        # 3 of 4 below; 3 of 1 above; of minus 2 half; exact; of two values one half and none
        output = torch.tensor([[1.0, 1.0], [4.0, 4.0], [-1.0, -1.0], [7.0, 7.0], [3.0, 5.0]])
        target = torch.tensor([[4.0, 4.0], [1.0, 1.0], [-2.0, -2.0], [7.0, 7.0], [2.0, 5.0]])
        assert percentage_error(output, target).tolist() == [0.75, 3.0, 0.5, 0.0, 0.25]

    def test_gradients(self) -> None:
        output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randn(5, 3, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: percentage_error(o, target), output)

    def test_a_target_of_zero_costs_and_trains_nothing(self) -> None:
        output = torch.tensor([[5.0], [0.0], [3.0]], requires_grad=True)
        values = percentage_error(output, torch.tensor([[0.0], [0.0], [2.0]]))
        assert values.tolist() == [0.0, 0.0, 0.5]
        values.sum().backward()
        assert output.grad is not None
        assert output.grad.flatten().tolist() == [0.0, 0.0, 0.5]

    def test_too_little_never_costs_more_than_one(self) -> None:
        target = log_normal(100).unsqueeze(-1)
        assert (percentage_error(torch.zeros_like(target), target) == 1).all()

    @pytest.mark.parametrize("sigma", [0.3, 1.0])
    def test_its_best_constant_is_the_minus_one_median(self, sigma: float) -> None:
        """Of a log-normal target exp(-3/2 sigma^2) of the mean."""
        target = log_normal(20_001, sigma).unsqueeze(-1)
        best = math.exp(-(sigma**2))
        places = best * torch.linspace(0.9, 1.1, 401, dtype=torch.float64)
        means = torch.stack([percentage_error(p.expand_as(target), target).mean() for p in places])
        assert places[means.argmin()].item() == pytest.approx(best, rel=5e-3)
        assert best / math.exp(sigma**2 / 2) == pytest.approx(math.exp(-1.5 * sigma**2))


def test_it_trains_on_values_alone_and_reads_them_in_their_own_units() -> None:
    loss = MAPE()
    assert loss.own_units
    assert loss.chosen_target([Target("multiclass", 3), Target("binary")]) is None
    values = loss(torch.tensor([[1.0], [3.0]]), torch.tensor([2.0, 2.0]), Target("continuous"))
    assert values.tolist() == [0.5, 0.5]
    assert np.array_equal(loss.idle(torch.tensor([0.0, 1.0])), [True, False])
