"""The measure of policies. No torch here: configs read it; its function lies in `policies`."""

from __future__ import annotations

from lossbench.metrics.measure import Measure, Metric

_GROUP = "policies"

REWARDS = Measure(
    metrics=(
        Metric(
            "gold",
            _GROUP,
            True,
            "mean gold reward of what the policy says; the reference has 0, and a standard deviation of 1",
            title="gold reward",
        ),
        Metric(
            "proxy",
            _GROUP,
            True,
            "mean proxy reward, as learned from preferences; the reference has 0",
            title="proxy reward",
        ),
        Metric(
            "kl",
            _GROUP,
            False,
            "KL(policy || reference) in nats",
            "nats",
            low=0,
            title="KL to the reference",
        ),
        Metric(
            "regret",
            _GROUP,
            False,
            "what proxy - beta KL lacks to that of the best policy, which is reference exp(proxy / beta)",
            low=0,
        ),
    ),
    needs=("policy",),
    fields=("gold", "proxy", "reference", "beta"),
    function="lossbench.metrics.policies:of_policies",
)
