"""Direct preference optimisation: a policy from pairs, without a reward beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.losses.loss import Loss
from lossbench.task import Prediction, Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def direct_preference(ahead: Tensor, preferred: Tensor, beta: Knob) -> Tensor:
    """The negative log chance, by Bradley and Terry's model, that the right one of a pair is preferred.

        L = -log sigmoid(+-beta ahead),  + where the first is preferred

    Args:
        ahead: (N,), how much more the policy has raised the first above the reference than the second:
            log pi(first) - log reference(first) - log pi(second) + log reference(second).
        preferred: (N,), 1 where the first is preferred, 0 where the second is.
        beta: above 0; what a nat of KL(policy || reference) costs in the reward that the policy implies.

    Returns:
        (N,), one value for each pair, in nats.

    Source:
        Rafailov and others, "Direct Preference Optimization" (NeurIPS 2023), equation 7.
    """
    towards = (2 * preferred - 1).to(ahead.dtype)
    lost = -beta * towards * ahead
    return lost.logaddexp(lost.new_zeros(()))


@dataclass(frozen=True, kw_only=True)
class DPO(Loss):
    """Direct preference optimisation on the pairs from which others have their proxy reward.

    beta is that of the data (`data.beta`); at 0 nothing trains.
    """

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("preference",)
    also: ClassVar[tuple[str, ...]] = ("beta",)
    needs: ClassVar[tuple[str, ...]] = ("first", "second", "first_reference", "second_reference")
    name: str = "dpo"

    @property
    def asks(self) -> Mapping[str, Any]:
        return {"outputs": self.needs}

    def outputs(self, target: Target, embedding_size: int) -> int:
        """As many as the policy has symbols; it knows them itself."""
        return target.size

    def __call__(self, output: Mapping[str, Tensor], target: Mapping[str, Tensor], kind: Target) -> Tensor:
        first = output["first"] - output["first_reference"]
        ahead = first - (output["second"] - output["second_reference"])
        return direct_preference(ahead, target[kind.kind], target["beta"])

    def predict(self, output: Any, kind: Target) -> Prediction:
        """Nothing of its own: in evaluation the model gives what is judged."""
        return Prediction()
