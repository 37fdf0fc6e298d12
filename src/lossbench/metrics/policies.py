"""Metrics of a policy over sequences that can be listed: all are exact, by the sum over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-9  # of beta, at which the best is to say the best sequence alone


def of_policies(
    policy: Tensor, gold: Tensor, proxy: Tensor, reference: Tensor, beta: Tensor
) -> dict[str, Tensor]:
    """gold and proxy, the mean rewards; kl, KL(policy || reference) in nats; and regret.

        regret = beta log E_reference exp(proxy / beta) - (E_policy proxy - beta KL(policy || reference))

    what the policy lacks to the best that there is, whose likelihood is proportional to reference times
    exp(proxy / beta); it is beta KL(policy || best).

    Args:
        policy: (R, N, S), log probabilities of all sequences; the mean over N policies is given.
        gold, proxy: (R, S), rewards.
        reference: (R, S), log probabilities.
        beta: (R,), what a nat costs.

    Returns:
        (R,) float64 each.

    Source:
        Korbak, Perez, Buckley, "RL with KL penalties is better viewed as Bayesian inference" (EMNLP 2022).
    """
    logs, reference, proxy = policy.double(), reference.double(), proxy.double()
    chance = logs.exp()
    price = beta.double().clamp(min=_LEAST)

    def mean(values: Tensor) -> Tensor:
        """Of what has a value for each sequence."""
        return (chance * values).sum(-1).mean(-1)

    found = {
        "gold": mean(gold.double().unsqueeze(1)),
        "proxy": mean(proxy.unsqueeze(1)),
        "kl": mean(logs - reference.unsqueeze(1)),
    }
    best = price * torch.logsumexp(reference + proxy / price.unsqueeze(-1), dim=-1)
    return {**found, "regret": best - (found["proxy"] - beta.double() * found["kl"])}
