"""Likelihoods of pixels against torch.distributions."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal

from lossbench.likelihoods import BERNOULLI, CONTINUOUS_BERNOULLI, GAUSSIAN, Likelihood

OUTPUTS = torch.tensor([-8.0, -1.0, -0.11, -0.09, -1e-4, 0.0, 1e-4, 0.05, 0.2, 3.0], dtype=torch.float64)
GREY = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0, 0.3, 0.2, 0.7, 1.0, 0.6], dtype=torch.float64)


def test_log_densities_are_those_of_torch_summed_over_pixels() -> None:
    white = (GREY > 0.4).double()
    expected = {
        BERNOULLI: (white, Bernoulli(logits=OUTPUTS)),
        CONTINUOUS_BERNOULLI: (GREY, ContinuousBernoulli(logits=OUTPUTS)),
        GAUSSIAN: (GREY, Normal(OUTPUTS.sigmoid(), 0.3)),
    }
    for kind, (pixels, distribution) in expected.items():
        found = Likelihood(kind, 0.3)
        # torch has a series of its own about the middle, of fewer terms.
        torch.testing.assert_close(
            found.log_density(OUTPUTS, pixels), distribution.log_prob(pixels).sum(), rtol=0, atol=1e-6
        )
        torch.testing.assert_close(found.mean(OUTPUTS), distribution.mean, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [CONTINUOUS_BERNOULLI, GAUSSIAN])
def test_a_density_of_grey_values_has_the_mass_of_one(kind: str) -> None:
    shades = torch.linspace(0, 1, 10_001, dtype=torch.float64).unsqueeze(-1)
    for output in (-6.0, 0.0, 0.05, 2.0):
        outputs = torch.full_like(shades, output)
        mass = torch.trapezoid(Likelihood(kind, 0.02).log_density(outputs, shades).exp(), shades.squeeze(-1))
        # Of the Gaussian some lies outside of black and white, at most one half.
        assert mass == pytest.approx(1.0, abs=1e-4) or (kind == GAUSSIAN and 0.5 <= mass <= 1)


@pytest.mark.parametrize("kind", [BERNOULLI, CONTINUOUS_BERNOULLI, GAUSSIAN])
def test_gradients_are_finite_and_right_about_the_middle_and_far_from_it(kind: str) -> None:
    outputs = torch.cat([OUTPUTS, torch.tensor([-200.0, 200.0], dtype=torch.float64)]).requires_grad_()
    pixels = torch.cat([GREY, GREY[:2]])
    (found,) = torch.autograd.grad(Likelihood(kind).log_density(outputs, pixels), outputs)
    assert found.isfinite().all()
    inner = OUTPUTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda at: Likelihood(kind).log_density(at, GREY), inner, atol=1e-5)
