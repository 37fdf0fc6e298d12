"""Losses of RLHF: what their gradients are on average, by the sum over all that a policy can say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, kl_divergence
from torch.nn import functional as F

from lossbench.losses.dpo import DPO, direct_preference
from lossbench.losses.policy_gradient import PolicyGradient, advantage, clipped
from lossbench.task import Target

S, BETA = 6, 0.7
KIND = Target("preference")
logits = torch.randn(S, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
reference = torch.randn(S, generator=torch.Generator().manual_seed(1), dtype=torch.float64).log_softmax(0)
proxy = torch.randn(S, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def mean_gradient(kl: str, *, count: int = 3) -> Tensor:
    """Of all batches of `count` sequences, weighted by their chance under the policy."""
    own = logits.clone().requires_grad_()
    logs = own.log_softmax(0)
    batches = torch.cartesian_prod(*[torch.arange(S)] * count)
    chance = logs.detach()[batches].sum(1).exp()
    loss = PolicyGradient(kl=kl)
    target = {"proxy": proxy, "beta": torch.tensor(BETA), "reference": reference}

    def of(batch: Tensor) -> Tensor:
        read = {"sequence": batch, "log_probability": logs[batch], "log_reference": reference[batch]}
        return loss({**read, "policy": logs.unsqueeze(0)}, target, KIND).mean()

    total = sum(weight * of(batch) for weight, batch in zip(chance, batches, strict=True))
    (found,) = torch.autograd.grad(total, own)
    return found


def exact_gradient(divergence: str) -> Tensor:
    """Of - E proxy + beta D, by enumeration."""
    own = logits.clone().requires_grad_()
    policy, other = Categorical(logits=own), Categorical(logits=reference)
    pulls = {
        "policy to reference": kl_divergence(policy, other),
        "reference to policy": kl_divergence(other, policy),
        "none": policy.probs.sum() * 0,
    }
    (found,) = torch.autograd.grad(BETA * pulls[divergence] - policy.probs @ proxy, own)
    return found


@pytest.mark.parametrize(
    ("kl", "divergence"),
    [
        ("reward", "policy to reference"),
        ("k2", "policy to reference"),
        ("exact", "policy to reference"),
        ("k3", "reference to policy"),
        ("k1", "none"),
        ("none", "none"),
    ],
)
def test_the_mean_gradient_is_that_of_the_objective(kl: str, divergence: str) -> None:
    torch.testing.assert_close(mean_gradient(kl), exact_gradient(divergence))


def test_a_reward_for_all_is_none() -> None:
    reward = torch.tensor([1.0, 3.0, 8.0])
    others = torch.tensor([(3 + 8) / 2, (1 + 8) / 2, (1 + 3) / 2])
    torch.testing.assert_close(advantage(reward), reward - others)
    torch.testing.assert_close(advantage(reward + 5), reward - others)
    assert advantage(torch.tensor([4.0])).tolist() == [0]


def test_no_gradient_goes_through_the_reward() -> None:
    """Its k1 is a number that the policy is paid by."""
    own = logits.log_softmax(0).requires_grad_()
    read = {"sequence": torch.arange(S), "log_probability": own, "log_reference": reference}
    target = {"proxy": proxy, "beta": torch.tensor(BETA), "reference": reference}
    (found,) = torch.autograd.grad(PolicyGradient()(read, target, KIND).sum(), own)
    torch.testing.assert_close(found, -advantage(proxy - BETA * (own - reference)).detach())


def test_a_clip_stops_what_has_moved_far_enough_to_the_side_of_its_gain() -> None:
    """Schulman and others 2017, figure 1."""
    ratio = torch.tensor([0.5, 1.5, 1.0, 0.5, 1.5, 1.1], requires_grad=True)
    gain = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, 2.0])
    (found,) = torch.autograd.grad(clipped(ratio, gain, 0.2).sum(), ratio)
    assert found.tolist() == [-1, 0, -1, 0, 1, -2]
    (free,) = torch.autograd.grad(clipped(ratio, gain, None).sum(), ratio)
    torch.testing.assert_close(free, -gain)


def test_reuse_has_the_gradient_of_the_policy_gradient_where_the_policy_has_not_moved() -> None:
    own = logits.log_softmax(0).requires_grad_()
    read = {"sequence": torch.arange(S), "log_probability": own, "log_reference": reference}
    target = {"proxy": proxy, "beta": torch.tensor(BETA), "reference": reference}
    (plain,) = torch.autograd.grad(PolicyGradient()(read, target, KIND).sum(), own)
    loss = PolicyGradient(reuse=3, clip=0.1)
    (again,) = torch.autograd.grad(loss({**read, "log_when_drawn": own}, target, KIND).sum(), own)
    torch.testing.assert_close(again, plain)


def test_what_was_drawn_by_another_is_paid_by_its_own_likelihood() -> None:
    own, before = logits.log_softmax(0), (-logits).log_softmax(0)
    read = {"sequence": torch.arange(S), "log_probability": own, "log_reference": reference}
    target = {"proxy": proxy, "beta": torch.tensor(BETA, dtype=torch.float64), "reference": reference}
    found = PolicyGradient(reuse=2)({**read, "log_when_drawn": before}, target, KIND)
    gain = advantage(proxy - BETA * (before - reference))
    torch.testing.assert_close(found, -(own - before).exp() * gain)


def test_dpo_is_the_logistic_loss_of_the_implied_reward() -> None:
    ahead = torch.tensor([-40.0, -1.0, 0.0, 2.0])
    preferred = torch.tensor([1, 0, 1, 0])
    theirs = F.binary_cross_entropy_with_logits(BETA * ahead, preferred.float(), reduction="none")
    torch.testing.assert_close(direct_preference(ahead, preferred, BETA), theirs)


def test_dpo_reads_how_far_each_is_above_the_reference() -> None:
    output = {name: torch.randn(5) for name in DPO().needs}
    target = {"preference": torch.tensor([0, 1, 1, 0, 1]), "beta": torch.tensor(BETA)}
    ratio = (output["first"] - output["first_reference"]) - (output["second"] - output["second_reference"])
    expected = direct_preference(ratio, target["preference"], BETA)
    torch.testing.assert_close(DPO()(output, target, KIND), expected)
