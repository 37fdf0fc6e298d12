"""What losses share that learn from a teacher: its logits beside the label."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.config.search import linear, log
from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.heads import SoftmaxLoss
from lossbench.task import Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

TEACHER = "teacher"


@dataclass(frozen=True, kw_only=True)
class TaughtLoss(SoftmaxLoss):
    """How far a student is from its teacher, and how far from the label.

        L = alpha * soft(teacher, output) + (1 - alpha) * cross-entropy(output, label)

    alpha: the teacher's share of the loss, in [0, 1]: at 1 labels are not looked at, at 0 it is cce. Searched
        from one half, for with less it is rather a loss of labels.
    """

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("multiclass", "binary")
    also: ClassVar[tuple[str, ...]] = (TEACHER,)
    remedy: ClassVar[str] = "choose data=distilled, whose teacher gives it (data.of names the data set)"
    alpha: float = knob(0.9, at_least=0, at_most=1, search=linear(0.5, 1))

    def chosen_target(self, offered: Sequence[Target]) -> Target | None:
        """One class for each example, which is what teachers know."""
        return super().chosen_target([one for one in offered if not one.shape])

    def elicits(self, target: Target) -> str:
        alone = self.alpha == 1
        return "the teacher's probabilities" if alone else "between the teacher's and the true probabilities"

    @abstractmethod
    def soft(self, teacher: Tensor, output: Tensor) -> Tensor:
        """The distance (...) of outputs from the teacher's logits, (..., C) both."""

    def __call__(self, output: Tensor, target: Mapping[str, Tensor], kind: Target) -> Tensor:
        hard = categorical_cross_entropy(output, target[kind.kind])
        return self.alpha * self.soft(target[TEACHER], output) + (1 - self.alpha) * hard


@dataclass(frozen=True, kw_only=True)
class SoftenedLoss(TaughtLoss):
    """By a divergence of both, softened by one temperature T.

        soft = T^2 D(teacher / T, output / T)

    T^2 keeps the gradient as long whatever T is (it falls as 1 / T^2).

    temperature: T, above 0: large, it shows what the teacher thinks of classes that it holds unlikely.
        Searched from plain probabilities to the 20 that Hinton and others take for their largest student.
    """

    divergence: ClassVar[Callable[..., Tensor]]  # of `divergences`, of the teacher's logits and the student's
    temperature: float = knob(4.0, above=0, search=log(1, 20))

    def soft(self, teacher: Tensor, output: Tensor) -> Tensor:
        """T^2 times the divergence."""
        between = type(self).divergence
        return between(teacher, output, temperature=self.temperature) * self.temperature**2
