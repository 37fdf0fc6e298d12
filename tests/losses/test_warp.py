"""WARP: the first violator that was drawn, weighed by the rank that this suggests."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lossbench.losses.warp import WARP, weighted_approximate_rank_pairwise
from lossbench.task import Target

ITEMS = 101


def by_hand(right: float, wrong: list[float], margin: float) -> float:
    """As LightFM's `fit_warp` goes through its draws, one after another."""
    for sampled, one in enumerate(wrong, start=1):
        if one > right - margin:
            weight = math.log(max(1.0, math.floor((ITEMS - 1) / sampled)))
            return weight * (margin - right + one)
    return 0.0


@pytest.mark.parametrize("margin", [0.3, 1.0, 4.0])
def test_a_batch_equals_draws_one_after_another(margin: float) -> None:
    draw = torch.Generator().manual_seed(0)
    right = torch.randn(60, generator=draw, dtype=torch.float64)
    wrong = torch.randn(60, 7, generator=draw, dtype=torch.float64) * 2 - 2
    value = weighted_approximate_rank_pairwise(right, wrong, ITEMS, margin=margin)
    expected = [by_hand(*row, margin) for row in zip(right.tolist(), wrong.tolist(), strict=True)]
    assert value.tolist() == pytest.approx(expected)
    assert 0 < sum(one == 0 for one in expected) < 60 or margin == 4.0


def test_hand_values() -> None:
    def value(*wrong: float) -> float:
        return weighted_approximate_rank_pairwise(torch.tensor([2.0]), torch.tensor([wrong]), ITEMS).item()

    assert value(0.0, 1.0, 0.9) == 0  # nothing within the margin, not at its edge either
    assert value(2.0, 9.0) == pytest.approx(math.log(100))  # of the first, not of the worst
    assert value(0.0, 2.0) == pytest.approx(math.log(50))
    assert value(*[0.0] * 150, 2.0) == 0  # so late that it stands first


def test_the_gradient_is_that_of_the_hinge_times_the_weight() -> None:
    right = torch.tensor([2.0, 0.0], requires_grad=True)
    wrong = torch.tensor([[0.0, 1.5], [-3.0, -4.0]], requires_grad=True)
    weighted_approximate_rank_pairwise(right, wrong, ITEMS).sum().backward()  # type: ignore[no-untyped-call]
    assert right.grad is not None
    assert wrong.grad is not None
    weight = math.log(50)
    assert right.grad.tolist() == pytest.approx([-weight, 0])
    assert wrong.grad.flatten().tolist() == pytest.approx([0, weight, 0, 0])


def test_members_with_other_margins_are_computed_together() -> None:
    draw = torch.Generator().manual_seed(1)
    output = {
        "user": torch.randn(8, 4, generator=draw),
        "item": torch.randn(8, 4, generator=draw),
        "other": torch.randn(8, 3, 4, generator=draw),
    }
    kind, margins = Target("item", ITEMS), torch.tensor([0.5, 2.0])

    def one(margin: Tensor) -> Tensor:
        return WARP().with_floats({"margin": margin})(output, torch.zeros(8), kind)

    found = torch.vmap(one)(margins)
    for row, margin in zip(found, margins.tolist(), strict=True):
        torch.testing.assert_close(row, WARP(margin=margin)(output, torch.zeros(8), kind))


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="right must be"):
        weighted_approximate_rank_pairwise(torch.zeros(4), torch.zeros(4), ITEMS)
