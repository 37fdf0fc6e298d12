"""The scale-invariant error of logarithms."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from lossbench.losses.reduction import weighted_mean
from lossbench.losses.silog import LEAST, SILog, log_ratio, scale_invariant_error
from lossbench.task import WEIGHT, Target

PIXELS = Target("continuous", shape=(5, 4))


def eigens(output: Any, target: Any, invariance: float) -> float:
    """Equation 4, of one image."""
    d = np.log(output) - np.log(target)
    return float((d**2).sum() / d.size - invariance * d.sum() ** 2 / d.size**2)


def depths(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64) + 0.5


def test_hand_values() -> None:
    # d = log 2 and 0, mean log(2) / 2: log(2)^2 (1 - lambda / 2) and 0
    output, target = torch.tensor([[[2.0], [3.0]]]), torch.tensor([[[1.0], [3.0]]])
    found = scale_invariant_error(output, target, invariance=0.5)
    np.testing.assert_allclose(found, [[math.log(2) ** 2 * 0.75, 0]], rtol=1e-6)


@pytest.mark.parametrize("invariance", [0.0, 0.5, 1.0])
def test_the_mean_over_the_places_of_an_image_is_eigens(invariance: float) -> None:
    output, target = depths(6, 5, 4, 1), depths(6, 5, 4, 1)
    found = scale_invariant_error(output, target, invariance=invariance)
    assert found.shape == (6, 5, 4)
    for own, image, truth in zip(found, output.numpy(), target.numpy(), strict=True):
        assert own.mean().item() == pytest.approx(eigens(image, truth, invariance), rel=1e-12)


@pytest.mark.parametrize("invariance", [0.0, 0.5, 1.0])
def test_places_that_weigh_nothing_take_no_part(invariance: float) -> None:
    output, target = depths(3, 5, 4), depths(3, 5, 4)
    weight = (torch.rand(3, 5, 4) < 0.7).double()
    wild = {"continuous": target.where(weight > 0, 1e6), WEIGHT: weight}
    values = SILog(invariance=invariance)(output.unsqueeze(-1), wild, PIXELS)
    for place in range(3):
        known = weight[place] > 0
        expected = eigens(output[place][known].numpy(), target[place][known].numpy(), invariance)
        one = slice(place, place + 1)
        assert weighted_mean(values[one], weight[one]).item() == pytest.approx(expected, rel=1e-12)


def test_an_image_of_which_nothing_is_known_has_a_finite_gradient() -> None:
    output = depths(2, 5, 4, 1).requires_grad_()
    weight = torch.ones(2, 5, 4)
    weight[1] = 0
    values = SILog()(output, {"continuous": depths(2, 5, 4), WEIGHT: weight}, PIXELS)
    weighted_mean(values, weight).backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert output.grad[1].eq(0).all()
    assert output.grad[0].ne(0).any()


@given(st.floats(0.3, 3))
def test_at_1_a_factor_on_all_outputs_of_an_image_costs_nothing(factor: float) -> None:
    output, target = depths(2, 5, 4, 1), depths(2, 5, 4, 1)
    one, other = (
        scale_invariant_error(own, target, invariance=1.0).flatten(1).mean(1)
        for own in (output, factor * output)
    )
    torch.testing.assert_close(one, other)


@given(st.floats(0.3, 3))
def test_below_1_a_factor_costs_the_square_of_its_logarithm_in_part(factor: float) -> None:
    target = depths(2, 5, 4, 1)
    found = scale_invariant_error(factor * target, target, invariance=0.5)
    np.testing.assert_allclose(found, 0.5 * math.log(factor) ** 2, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("invariance", [0.0, 0.5, 1.0])
def test_gradients(invariance: float) -> None:
    output = (3 * torch.randn(2, 3, 2, 1, dtype=torch.float64)).requires_grad_()  # some of them below 0
    target, weight = depths(2, 3, 2, 1), (torch.rand(2, 3, 2) < 0.8).double()

    def of(moved: torch.Tensor) -> torch.Tensor:
        return scale_invariant_error(moved, target, invariance=invariance, weight=weight)

    assert torch.autograd.gradcheck(of, output)


class TestLogRatio:
    @given(st.floats(LEAST, 100), st.floats(0.01, 1000))
    def test_is_the_logarithm_from_a_tenth_of_the_target_on(self, ratio: float, target: float) -> None:
        truth = torch.tensor(target, dtype=torch.float64)
        assert log_ratio(ratio * truth, truth).item() == pytest.approx(math.log(ratio), abs=1e-9)

    @given(st.floats(-1e3, LEAST), st.floats(0.01, 1000))
    def test_goes_on_in_a_line_below(self, ratio: float, target: float) -> None:
        """What is far too little, or below 0, is pulled back as what lies at a tenth is."""
        truth = torch.tensor(target, dtype=torch.float64)
        output = (ratio * truth).requires_grad_()
        log_ratio(output, truth).backward()
        assert output.grad is not None
        assert output.grad.item() * target == pytest.approx(1 / LEAST)

    def test_targets_that_are_not_above_zero_give_nothing(self) -> None:
        output = torch.tensor([1.0, -1.0, 3.0], requires_grad=True)
        found = log_ratio(output, torch.tensor([0.0, -2.0, 3.0]))
        found.sum().backward()
        assert output.grad is not None
        assert found.tolist() == [0, 0, 0]
        assert output.grad.tolist() == [0, 0, pytest.approx(1 / 3)]


def test_members_side_by_side() -> None:
    outputs, target = depths(3, 6, 5, 4, 1), depths(6, 5, 4)
    weight, parts = (torch.rand(6, 5, 4) < 0.7).float(), torch.tensor([0.0, 0.5, 1.0])

    def one(output: torch.Tensor, invariance: torch.Tensor) -> torch.Tensor:
        loss = SILog(invariance=invariance)  # type: ignore[arg-type]
        return loss(output, {"continuous": target, WEIGHT: weight}, PIXELS)

    together = torch.vmap(one)(outputs, parts)
    apart = torch.stack([one(output, part) for output, part in zip(outputs, parts, strict=True)])
    torch.testing.assert_close(together, apart)


def test_it_trains_on_values_at_places_alone() -> None:
    loss = SILog()
    assert loss.chosen_target([PIXELS]) == PIXELS
    assert loss.chosen_target([Target("continuous")]) is None


def test_what_it_elicits_is_a_geometric_mean_at_1_up_to_a_factor() -> None:
    """By minimising over one value for each of two groups of pixels of one image, of many draws."""
    generator = torch.Generator().manual_seed(0)
    logs = torch.randn(4000, 2, generator=generator, dtype=torch.float64) * 0.3 + torch.tensor([0.0, 1.0])
    target = logs.exp().unsqueeze(-1)
    for invariance in (0.5, 1.0):
        output = torch.full((2,), 2.0, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([output], max_iter=100, line_search_fn="strong_wolfe")

        def closure(
            output: torch.Tensor = output,
            optimizer: torch.optim.Optimizer = optimizer,
            invariance: float = invariance,
        ) -> torch.Tensor:
            optimizer.zero_grad()
            value = scale_invariant_error(
                output.expand(4000, 2).unsqueeze(-1), target, invariance=invariance
            ).mean()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimizer.step(closure)  # type: ignore[arg-type]
        found = output.detach() / logs.mean(0).exp()
        assert found[1].item() == pytest.approx(found[0].item(), rel=1e-3)
        assert (found[0].item() == pytest.approx(1, rel=1e-3)) == (invariance < 1)


@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4, 2), (4, 3)), ((), ())])
def test_wrong_shape(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="must both be"):
        scale_invariant_error(torch.zeros(shapes[0]), torch.zeros(shapes[1]), invariance=0.5)
