"""Pinball loss."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from lossbench.errors import InputError
from lossbench.losses.mae import absolute_error
from lossbench.losses.pinball import Pinball, pinball, pinball_of_levels
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


LEVELS = (0.1, 0.5, 0.9)


class TestSeveralLevels:
    def test_scalar(self) -> None:
        value = pinball_of_levels(torch.tensor([[1.0, 5.0]]), torch.tensor([3.0]), levels=(0.25, 0.75))
        assert value.item() == (0.25 * 2 + 0.25 * 2) / 2

    def test_batch_equals_the_mean_of_sklearn(self) -> None:
        output = torch.randn(50, 2, 3, dtype=torch.float64)
        target = torch.randn(50, 2, dtype=torch.float64)
        ours = pinball_of_levels(output, target, levels=LEVELS)
        each = [mean_pinball_loss(target, output[..., q], alpha=LEVELS[q]) for q in range(3)]
        assert ours.shape == (50,)
        assert ours.mean().item() == pytest.approx(sum(each) / 3)

    def test_hand_values(self) -> None:
        # of 0.1: 2 above costs 0.9 * 2; of 0.5: exact; of 0.9: 1 below costs 0.9
        output = torch.tensor([[[2.0, 0.0, -1.0]]])
        value = pinball_of_levels(output, torch.zeros(1, 1), levels=LEVELS)
        assert value.item() == pytest.approx((1.8 + 0 + 0.9) / 3)

    @pytest.mark.parametrize("shapes", [((4, 3), (4,)), ((4, 1, 2), (4, 1)), ((4, 2, 3), (4, 1)), ((3,), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        if shapes == ((4, 3), (4,)):  # four values of three levels each
            assert pinball_of_levels(torch.zeros(4, 3), torch.zeros(4), levels=LEVELS).shape == ()
            return
        with pytest.raises(ValueError, match=r"must be \(..., values, 3 levels\)"):
            pinball_of_levels(torch.zeros(shapes[0]), torch.zeros(shapes[1]), levels=LEVELS)

    def test_gradients(self) -> None:
        output = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randn(4, 2, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: pinball_of_levels(o, target, levels=LEVELS), output)

    @pytest.mark.parametrize(
        "kind", [Target("continuous"), Target("continuous", 2), Target("continuous", 2, shape=(5,))]
    )
    def test_each_quantile_stands_behind_its_value(self, kind: Target) -> None:
        loss = Pinball(levels=LEVELS)
        output = torch.randn(4, *kind.shape, loss.outputs(kind, 1))
        size = (2,) if kind.size == 2 else ()
        prediction = loss.predict(output, kind)
        assert loss.gives(kind) == tuple(prediction)
        assert prediction["quantiles"].shape == (4, *kind.shape, *size, 3)
        assert torch.equal(prediction["value"], prediction["quantiles"][..., 1])
        target = torch.randn(4, *kind.shape, *size)
        alone = [Pinball(level=q)(_of_level(output, kind, i), target, kind) for i, q in enumerate(LEVELS)]
        torch.testing.assert_close(loss(output, target, kind), torch.stack(alone).mean(0))

    def test_the_point_forecast_is_that_of_the_level_nearest_to_one_half(self) -> None:
        output, kind = torch.tensor([[1.0, 2.0]]), Target("continuous")
        assert Pinball(levels=(0.1, 0.7)).predict(output, kind)["value"].item() == 2
        assert (
            Pinball(levels=(0.9, 0.1)).predict(output, kind)["value"].item() == 1
        )  # of two as near the lower

    def test_levels_are_known_in_rising_order_once_each(self) -> None:
        assert Pinball(levels=[0.9, 0.1, 0.9]).levels == (0.1, 0.9)  # type: ignore[arg-type]

    def test_one_level_is_the_same_as_ever(self) -> None:
        kind, output, target = Target("continuous"), torch.randn(9, 1), torch.randn(9)
        one, list_of_one = Pinball(level=0.9), Pinball(levels=(0.9,))
        torch.testing.assert_close(one(output, target, kind), list_of_one(output, target, kind))
        assert one.values() == {"name": "pinball", "softmax": False, "level": 0.9}  # by which runs are known
        assert one.gives(kind) == ("value",)

    def test_a_level_beside_levels_is_refused(self) -> None:
        with pytest.raises(
            InputError, match=r"loss\.level=0\.9 is one quantile and loss\.levels are several"
        ):
            Pinball(level=0.9, levels=(0.1, 0.5))

    def test_under_vmap_members_are_as_alone(self) -> None:
        loss, kind = Pinball(levels=LEVELS), Target("continuous", 2)
        output, target = torch.randn(3, 7, 6), torch.randn(3, 7, 2)
        stacked = torch.func.vmap(lambda o, t: loss(o, t, kind))(output, target)
        torch.testing.assert_close(stacked, torch.stack([loss(output[i], target[i], kind) for i in range(3)]))


def _of_level(output: torch.Tensor, kind: Target, place: int) -> torch.Tensor:
    return output.unflatten(-1, (kind.size, 3))[..., place]
