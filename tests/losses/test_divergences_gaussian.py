"""Divergences against torch.distributions, against closed forms, and in the direction that each names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lossbench.losses.divergences import gaussian_to_standard, k1, k2, k3
from lossbench.seeds import torch_generator

Estimator = Callable[[Tensor, Tensor], Tensor]

DRAWS = 1_000_000


def test_the_gaussian_divergence_is_that_of_torch_and_q_stands_first() -> None:
    mean = torch.tensor([0.0, 0.0, 0.3, -2.0, 5.0], dtype=torch.float64)
    log_variance = torch.tensor([0.0, -6.0, 0.5, 2.0, -1.0], dtype=torch.float64)
    q, p = Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    found = gaussian_to_standard(mean, log_variance)
    torch.testing.assert_close(found, kl_divergence(q, p))
    assert not torch.isclose(found, kl_divergence(p, q))[1:].any()
    assert found[0] == 0


def test_a_q_that_is_too_narrow_costs_little_and_one_that_is_too_wide_much() -> None:
    """Under KL(q || p), q must not be where p is not; where q is missing costs only a logarithm."""
    narrow, wide = (float(gaussian_to_standard(torch.zeros(()), torch.tensor(at))) for at in (-6.0, 6.0))
    assert narrow == pytest.approx((math.exp(-6) - 1 + 6) / 2, rel=1e-6)
    assert wide == pytest.approx((math.exp(6) - 1 - 6) / 2, rel=1e-6)
    assert wide > 50 * narrow


@pytest.mark.parametrize(
    ("shift", "true", "table"),
    [
        (0.1, 0.005, {k1: (0, 20), k2: (0.002, 1.42), k3: (0, 1.42)}),
        (1.0, 0.5, {k1: (0, 2), k2: (0.25, 1.73), k3: (0, 1.7)}),
    ],
)
def test_estimators_meet_schulmans_table(
    shift: float, true: float, table: Mapping[Estimator, tuple[float, float]]
) -> None:
    """Bias and standard deviation over the true divergence: joschu.net/blog/kl-approx.html.

    By integration as the table has them; and of a million samples within five of their own errors.
    """
    q, p = Normal(0.0, 1.0), Normal(shift, 1.0)
    assert float(kl_divergence(q, p)) == pytest.approx(true)
    places, shares = map(torch.from_numpy, hermegauss(80))
    shares = shares / shares.sum()
    drawn = torch.randn(DRAWS, dtype=torch.float64, generator=torch_generator(0, "schulman"))
    for estimator, (bias, spread) in table.items():
        exact, sampled = (estimator(q.log_prob(at), p.log_prob(at)) / true for at in (places, drawn))
        mean = float((shares * exact).sum())
        moments = [float((shares * (exact - mean) ** power).sum()) for power in (2, 4)]
        deviation = math.sqrt(moments[0])
        assert mean - 1 == pytest.approx(bias, abs=0.001), estimator.__name__
        assert deviation == pytest.approx(spread, rel=0.005), estimator.__name__
        assert float(sampled.mean()) == pytest.approx(mean, abs=5 * deviation / math.sqrt(DRAWS))
        error = math.sqrt((moments[1] - moments[0] ** 2) / DRAWS)
        assert float(sampled.var()) == pytest.approx(moments[0], abs=5 * error), estimator.__name__
        assert estimator is k1 or (sampled >= 0).all()


def test_estimators_are_of_the_divergence_from_who_drew() -> None:
    """Of unequal spreads the two directions differ: samples of q estimate KL(q || p)."""
    q, p = Normal(0.0, 0.5), Normal(0.0, 1.0)
    drawn = 0.5 * torch.randn(DRAWS, dtype=torch.float64, generator=torch_generator(1, "direction"))
    for estimator in (k1, k3):
        values = estimator(q.log_prob(drawn), p.log_prob(drawn))
        error = 5 * float(values.std()) / math.sqrt(DRAWS)
        assert float(values.mean()) == pytest.approx(float(kl_divergence(q, p)), abs=error)
        assert abs(float(values.mean()) - float(kl_divergence(p, q))) > 0.1
