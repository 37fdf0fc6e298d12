"""Symmetric mean absolute percentage error."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_number import log_normal

from lossbench.losses.smape import SMAPE, symmetric_percentage_error
from lossbench.task import Target


class TestSymmetricPercentageError:
    def test_scalar(self) -> None:
        assert symmetric_percentage_error(torch.tensor([3.0]), torch.tensor([1.0])).item() == 1.0

    def test_batch_equals_numpy(self) -> None:
        output, target = torch.randn(2, 50, 3, dtype=torch.float64).unbind()
        o, t = output.numpy(), target.numpy()
        ours = symmetric_percentage_error(output, target)
        assert ours.shape == (50,)
        np.testing.assert_allclose(ours, (2 * np.abs(o - t) / (np.abs(o) + np.abs(t))).mean(-1), rtol=1e-12)

    @pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 2), (4, 3)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must both be"):
            symmetric_percentage_error(torch.zeros(shapes[0]), torch.zeros(shapes[1]))

    def test_hand_values(self) -> None:
        # 50 above 100 costs 2 * 50 / 250, 50 below it 2 * 50 / 150; the other sign 2; exact 0
        output = torch.tensor([[150.0], [50.0], [-3.0], [7.0]])
        values = symmetric_percentage_error(output, torch.tensor([[100.0], [100.0], [5.0], [7.0]]))
        torch.testing.assert_close(values, torch.tensor([0.4, 2 / 3, 2.0, 0.0]))

    def test_gradients(self) -> None:
        output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randn(5, 3, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: symmetric_percentage_error(o, target), output)

    def test_where_both_are_zero_it_is_zero_and_so_is_the_gradient(self) -> None:
        output = torch.zeros(1, 1, requires_grad=True)
        value = symmetric_percentage_error(output, torch.zeros(1, 1))
        value.sum().backward()
        assert value.item() == 0
        assert output.grad is not None
        assert output.grad.item() == 0

    @pytest.mark.parametrize(("output", "target"), [(3.0, 0.0), (-2.0, 0.0), (-3.0, 5.0), (3.0, -5.0)])
    def test_at_zero_and_of_the_other_sign_nothing_pulls(self, output: float, target: float) -> None:
        leaf = torch.tensor([[output]], dtype=torch.float64, requires_grad=True)
        value = symmetric_percentage_error(leaf, torch.tensor([[target]], dtype=torch.float64))
        value.sum().backward()
        assert value.item() == pytest.approx(2)
        assert leaf.grad is not None
        assert leaf.grad.item() == pytest.approx(0, abs=1e-12)

    def test_its_best_constant_is_the_median_of_a_log_normal_and_above_that_of_an_exponential(self) -> None:
        levels = (torch.arange(20_001, dtype=torch.float64) + 0.5) / 20_001
        for target, best in ((log_normal(20_001), 1.0), (-(1 - levels).log(), 0.789)):
            places = best * torch.linspace(0.9, 1.1, 401, dtype=torch.float64)
            column = target.unsqueeze(-1)
            means = torch.stack(
                [symmetric_percentage_error(p.expand_as(column), column).mean() for p in places]
            )
            assert places[means.argmin()].item() == pytest.approx(best, rel=5e-3)


def test_it_trains_on_values_alone_and_reads_them_in_their_own_units() -> None:
    loss = SMAPE()
    assert loss.own_units
    assert loss.chosen_target([Target("multiclass", 3)]) is None
    assert loss.idle(torch.tensor([0.0, 1.0])).tolist() == [True, False]
