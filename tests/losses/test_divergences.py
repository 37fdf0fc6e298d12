"""Divergences of classes against torch.distributions, each in the direction that its docstring names."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch.distributions import Categorical, kl_divergence

from lossbench.losses.divergences import jsd_of_classes, kl_of_classes, reverse_kl_of_classes

ALL = (kl_of_classes, reverse_kl_of_classes, jsd_of_classes)
temperatures = st.sampled_from([0.5, 1.0, 2.5, 20.0])
rows = st.lists(st.floats(-8, 8), min_size=4, max_size=4)


def two(number: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    first, second = 3 * torch.randn(2, number, 5, generator=generator, dtype=torch.float64)
    return first, second


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_kl_is_that_of_torch_with_the_first_in_front(temperature: float) -> None:
    first, second = two()
    theirs = kl_divergence(Categorical(logits=first / temperature), Categorical(logits=second / temperature))
    torch.testing.assert_close(kl_of_classes(first, second, temperature=temperature), theirs)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_reverse_kl_is_that_of_torch_with_the_second_in_front(temperature: float) -> None:
    first, second = two()
    theirs = kl_divergence(Categorical(logits=second / temperature), Categorical(logits=first / temperature))
    torch.testing.assert_close(reverse_kl_of_classes(first, second, temperature=temperature), theirs)
    assert not torch.allclose(theirs, kl_of_classes(first, second, temperature=temperature))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_jsd_is_the_mean_of_two_kl_of_torch_to_the_middle(temperature: float) -> None:
    first, second = (Categorical(logits=own / temperature) for own in two())
    middle = Categorical(probs=(first.probs + second.probs) / 2)
    theirs = (kl_divergence(first, middle) + kl_divergence(second, middle)) / 2
    torch.testing.assert_close(jsd_of_classes(*two(), temperature=temperature), theirs)


@given(rows, rows, temperatures)
def test_none_is_below_zero_and_jsd_is_symmetric_and_at_most_log_two(
    one: list[float], other: list[float], temperature: float
) -> None:
    first, second = (torch.tensor(own, dtype=torch.float64) for own in (one, other))
    for divergence in ALL:
        assert divergence(first, second, temperature=temperature) >= -1e-12
    there = jsd_of_classes(first, second, temperature=temperature)
    assert there <= math.log(2) + 1e-12
    torch.testing.assert_close(there, jsd_of_classes(second, first, temperature=temperature))


@pytest.mark.parametrize("divergence", ALL)
def test_equal_distributions_are_no_way_apart_whatever_constant_is_added(divergence: type) -> None:
    first, _ = two()
    assert divergence(first, first + 7).abs().max() < 1e-12


@pytest.mark.parametrize("divergence", ALL)
def test_gradients_are_right_and_stay_finite(divergence: type) -> None:
    first, second = two(4)
    assert torch.autograd.gradcheck(
        lambda own: divergence(first, own, temperature=2.0), second.requires_grad_()
    )
    far = torch.tensor([1e4, -1e4, 0.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(divergence(-far.detach(), far), far)
    assert gradient.isfinite().all()


def test_kl_covers_what_the_first_holds_likely_and_reverse_kl_leaves_out() -> None:
    """Of a first with two likely classes, a second that has one of them alone."""
    first = torch.tensor([0.495, 0.495, 0.01], dtype=torch.float64).log()
    one = torch.tensor([0.98, 0.01, 0.01], dtype=torch.float64).log()
    even = torch.full((3,), 1 / 3, dtype=torch.float64).log()
    assert kl_of_classes(first, even) < kl_of_classes(first, one)
    assert reverse_kl_of_classes(first, one) < reverse_kl_of_classes(first, even)


@pytest.mark.parametrize("divergence", ALL)
def test_unequal_shapes_are_refused(divergence: type) -> None:
    with pytest.raises(ValueError, match="must both be"):
        divergence(torch.zeros(3, 4), torch.zeros(3))
