"""Estimates of KL(q || p) from samples of q: Schulman's table, and sums over all that can be drawn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Normal, kl_divergence

from lossbench.losses.divergences import k1, k2, k3, kl_of_classes

ESTIMATES = {"k1": k1, "k2": k2, "k3": k3}
COUNT = 1_000_000


@pytest.mark.parametrize(
    ("shift", "estimate", "bias", "spread"),
    [
        (0.1, "k1", 0, 20),
        (0.1, "k2", 0.002, 1.42),
        (0.1, "k3", 0, 1.42),
        (1.0, "k1", 0, 2),
        (1.0, "k2", 0.25, 1.73),
        (1.0, "k3", 0, 1.7),
    ],
)
def test_the_table_of_schulman(shift: float, estimate: str, bias: float, spread: float) -> None:
    """Bias and standard deviation over the divergence, q = N(0, 1) and p = N(shift, 1)."""
    q, p = Normal(0.0, 1.0), Normal(shift, 1.0)
    sample = torch.randn(COUNT, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    truth = float(kl_divergence(q, p))
    found = ESTIMATES[estimate](q.log_prob(sample), p.log_prob(sample)) / truth
    error = float(found.std()) / COUNT**0.5
    assert float(found.mean()) - 1 == pytest.approx(bias, abs=4 * error + 0.0007)  # the table's own digits
    assert float(found.std()) == pytest.approx(spread, rel=0.02)


def distributions() -> tuple[Tensor, Tensor]:
    q, p = torch.randn(2, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64).log_softmax(-1)
    return q, p


@pytest.mark.parametrize("estimate", ["k1", "k3"])
def test_k1_and_k3_are_unbiased(estimate: str) -> None:
    q, p = distributions()
    truth = kl_divergence(Categorical(logits=q), Categorical(logits=p))
    torch.testing.assert_close((q.exp() * ESTIMATES[estimate](q, p)).sum(), truth)
    torch.testing.assert_close(kl_of_classes(q, p), truth)


def test_k2_and_k3_are_never_below_zero_and_k1_is() -> None:
    q, p = distributions()
    assert (k2(q, p) >= 0).all()
    assert (k3(q, p) >= 0).all()
    assert (k1(q, p) < 0).any()


@pytest.mark.parametrize("count", [2, 5])
def test_the_divergence_of_sequences_is_the_sum_over_their_steps(count: int) -> None:
    """KL of all sequences at once, and of each step given what was said before it."""
    steps = torch.randn(2, count, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    said = torch.cartesian_prod(*[torch.arange(3)] * count).view(-1, count)
    q, p = (own.log_softmax(-1)[torch.arange(count), said].sum(-1) for own in steps)
    torch.testing.assert_close(kl_of_classes(q, p), kl_of_classes(*steps).sum())
