"""The policy gradient of RLHF: a reward that was learned, and what the distance to a reference costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.losses.divergences import k1, k2, k3, kl_of_classes
from lossbench.losses.loss import Loss
from lossbench.task import Prediction, Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

_WAYS = ("reward", "k1", "k2", "k3", "exact", "none")
_ESTIMATES = {"k1": k1, "k2": k2, "k3": k3}


def advantage(reward: Tensor) -> Tensor:
    """A reward (N,) less the mean reward of the others of its batch, so that it is no better for all."""
    count = len(reward)
    return (reward - reward.mean()) * count / max(1, count - 1)


def clipped(ratio: Tensor, gain: Tensor, clip: float | None) -> Tensor:
    """The negative surrogate of PPO: once a ratio has moved by `clip` to the side of its gain, no more of it.

        L = -min(ratio A, clamp(ratio, 1 - clip, 1 + clip) A)

    Args:
        ratio: (N,), likelihood of a sequence now over that when it was drawn.
        gain: (N,), its advantage A.
        clip: above 0; None: without a clip.

    Source:
        Schulman and others, "Proximal Policy Optimization Algorithms" (2017), equation 7.
    """
    plain = ratio * gain
    return -(plain if clip is None else plain.minimum(ratio.clamp(1 - clip, 1 + clip) * gain))


@dataclass(frozen=True, kw_only=True)
class PolicyGradient(Loss):
    """REINFORCE with a baseline on sequences that the policy draws, and KL(policy || reference).

        L = -A log pi(y) + beta D,  A = R less the mean R of the other sequences of the batch

    The direction pulls the policy into the reference: it must not say what the reference would not, and may
    leave out much of what the reference says.

    kl: how the divergence comes in, whose beta is that of the data (`data.beta`).
        reward  R = proxy - beta (log pi(y) - log reference(y)), its estimate k1, and no D (Ouyang and others)
        k2, k3  D is that estimate; of k2 the gradient is that of the divergence, of k3 it is not: it is that
                of KL(reference || policy) (arXiv 2510.01555)
        k1      D is that estimate, whose gradient is 0 on average: it does nothing
        exact   D is the divergence, of all sequences
        none    it does not
        R = proxy but for `reward`.
    reuse: updates for each policy that draws (PPO): sequences are then those of the policy as it was up to so
        many updates ago, less one, and -A log pi(y) is replaced by what `clipped` says. Estimates as losses
        are not corrected for who drew.
    clip: of PPO, how far a ratio may move; null: as far as it does. Without `reuse` it changes nothing.

    Source:
        Williams, "Simple statistical gradient-following algorithms", Machine Learning 8 (1992); the baseline
        of Kool, van Hoof, Welling, "Buy 4 REINFORCE Samples, Get a Baseline for Free!" (2019); Ouyang and
        others, "Training language models to follow instructions with human feedback" (NeurIPS 2022), eq. 2.
    """

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("preference",)
    also: ClassVar[tuple[str, ...]] = ("proxy", "beta", "reference")
    batchwise: ClassVar[bool] = True
    name: str = "policy_gradient"
    kl: str = knob("reward", choices=_WAYS)
    reuse: int = knob(1, at_least=1, later=True)
    clip: float | None = knob(None, above=0, below=1, optional=True, later=True)

    @property
    def asks(self) -> Mapping[str, Any]:
        outputs = {"outputs": self.needs_for(Target("preference"))}
        return outputs if self.reuse == 1 else {**outputs, "reuse": self.reuse}

    def needs_for(self, target: Target) -> tuple[str, ...]:
        drawn = ("sequence", "log_probability", "log_reference")
        late = ("log_when_drawn",) if self.reuse > 1 else ()
        return (*drawn, *late, "policy") if self.kl == "exact" else (*drawn, *late)

    def also_for(self, target: Target) -> tuple[str, ...]:
        return self.also if self.kl == "exact" else self.also[:2]

    def outputs(self, target: Target, embedding_size: int) -> int:
        """As many as the policy has symbols; it knows them itself."""
        return target.size

    def __call__(self, output: Mapping[str, Tensor], target: Mapping[str, Tensor], kind: Target) -> Tensor:
        own, theirs, beta = output["log_probability"], output["log_reference"], target["beta"]
        reward = target["proxy"][output["sequence"]]
        drawn = output.get("log_when_drawn", own).detach()
        if self.kl == "reward":
            reward = reward - beta * k1(drawn, theirs)
        gain = advantage(reward)
        value = -gain * own if self.reuse == 1 else clipped((own - drawn).exp(), gain, self.clip)
        if self.kl in _ESTIMATES:
            value = value + beta * _ESTIMATES[self.kl](own, theirs)
        if self.kl == "exact":
            value = value + beta * kl_of_classes(output["policy"][0], target["reference"])
        return value

    def predict(self, output: Any, kind: Target) -> Prediction:
        """Nothing of its own: in evaluation the model gives what is judged."""
        return Prediction()
