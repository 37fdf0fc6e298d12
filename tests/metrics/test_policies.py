"""Measures of policies that can be listed, against torch.distributions and the optimum in closed form."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from lossbench.metrics.policies import of_policies

S = 30


def made() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    policy, reference = torch.randn(2, 1, S, generator=generator, dtype=torch.float64).log_softmax(-1)
    gold, proxy = torch.randn(2, 1, S, generator=generator, dtype=torch.float64)
    return policy.unsqueeze(1), gold, proxy, reference


def test_they_are_those_of_torch_in_the_direction_that_is_named() -> None:
    policy, gold, proxy, reference = made()
    found = of_policies(policy, gold, proxy, reference, torch.tensor([0.5]))
    chance = Categorical(logits=policy[0, 0])
    assert float(found["kl"]) == pytest.approx(float(kl_divergence(chance, Categorical(logits=reference[0]))))
    assert float(found["gold"]) == pytest.approx(float(chance.probs @ gold[0]))
    assert float(found["proxy"]) == pytest.approx(float(chance.probs @ proxy[0]))


@pytest.mark.parametrize("beta", [0.05, 0.5, 4.0])
def test_regret_is_beta_times_the_divergence_to_the_best_policy(beta: float) -> None:
    policy, gold, proxy, reference = made()
    price, best = torch.tensor([beta]), (reference + proxy / beta).log_softmax(-1)
    found = of_policies(policy, gold, proxy, reference, price)
    away = kl_divergence(Categorical(logits=policy[0, 0]), Categorical(logits=best[0]))
    assert float(found["regret"]) == pytest.approx(beta * float(away), rel=1e-5)
    there = of_policies(best.unsqueeze(1), gold, proxy, reference, price)
    assert float(there["regret"]) == pytest.approx(0, abs=1e-6)


def test_where_distance_costs_nothing_the_best_says_the_best_alone() -> None:
    policy, gold, proxy, reference = made()
    found = of_policies(policy, gold, proxy, reference, torch.zeros(1))
    assert float(found["regret"]) == pytest.approx(float(proxy.max() - found["proxy"]))


def test_members_and_examples_are_told_apart() -> None:
    policy, gold, proxy, reference = made()
    both = [torch.cat([own, own.flip(-1)]) for own in (policy, gold, proxy, reference)]
    twice = [torch.cat([both[0], both[0]], dim=1), *both[1:]]
    found = of_policies(*twice, torch.tensor([0.5, 0.5]))
    for values in found.values():
        assert values.shape == (2,)
        torch.testing.assert_close(values[0], values[1])
