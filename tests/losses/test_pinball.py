"""Pinball loss."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from lossbench.losses.mae import absolute_error
from lossbench.losses.pinball import Pinball, pinball
from lossbench.task import Target


class TestPinball:
    def test_scalar(self) -> None:
        assert pinball(torch.tensor([1.0]), torch.tensor([3.0]), level=0.75).item() == 1.5
        assert pinball(torch.tensor([3.0]), torch.tensor([1.0]), level=0.75).item() == 0.5

    @pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
    def test_batch_equals_sklearn(self, level: float) -> None:
        output, target = torch.randn(2, 50, 3, dtype=torch.float64).unbind()
        ours = pinball(output, target, level=level)
        assert ours.shape == (50,)
        assert ours.mean().item() == pytest.approx(mean_pinball_loss(target, output, alpha=level))

    def test_one_half_is_half_of_the_absolute_error(self) -> None:
        output, target = torch.randn(2, 20, 2, dtype=torch.float64).unbind()
        torch.testing.assert_close(pinball(output, target, level=0.5), absolute_error(output, target) / 2)

    @pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 2), (4, 3)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must both be"):
            pinball(torch.zeros(shapes[0]), torch.zeros(shapes[1]), level=0.5)

    def test_gradients(self) -> None:
        output = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randn(5, 3, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: pinball(o, target, level=0.3), output)

    def test_gradient_at_zero_lies_between_those_beside_it(self) -> None:
        output = torch.zeros(1, 1, requires_grad=True)
        pinball(output, torch.zeros(1, 1), level=0.9).sum().backward()
        assert output.grad is not None
        assert -0.9 <= output.grad.item() <= 0.1

    @pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
    def test_what_it_elicits_is_the_quantile(self, level: float) -> None:
        target = torch.randn(20_001, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        places = torch.linspace(-3, 3, 601, dtype=torch.float64)
        means = torch.stack(
            [pinball(place.expand_as(target), target, level=level).mean() for place in places]
        )
        assert places[means.argmin()].item() == pytest.approx(target.quantile(level).item(), abs=0.02)


def test_it_trains_on_values_alone() -> None:
    loss = Pinball(level=0.9)
    assert loss.chosen_target([Target("multiclass", 3)]) is None
    kind = Target("continuous")
    values = loss(torch.tensor([[1.0], [0.0]]), torch.tensor([0.0, 1.0]), kind)
    torch.testing.assert_close(values, torch.tensor([0.1, 0.9]))
    assert loss.predict(torch.ones(2, 1), kind)["value"].shape == (2,)
