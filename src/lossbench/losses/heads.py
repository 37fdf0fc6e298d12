"""What losses of one family share: how many outputs they need, and what those outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.config.search import among
from lossbench.losses.boxes import from_start, to_start
from lossbench.losses.loss import Loss
from lossbench.losses.relations import ALONE, ALSO, GIVES, NEEDS, company, related
from lossbench.losses.relations import on_sphere as scaled
from lossbench.losses.targets import one_hot
from lossbench.task import NUMBERS, Prediction, Target, TargetKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from lossbench.losses.nearness import Nearness
    from lossbench.losses.relations import Relations


def as_value(output: Tensor, kind: Target) -> Tensor:
    """What outputs (..., size) say of a target that is numbers: those of a box are counted from one."""
    return from_start(output) if kind.kind == "box" else output


def as_output(value: Tensor, kind: Target) -> Tensor:
    """The outputs (..., size) that say a value (..., [size]) of numbers to the losses that ship."""
    if kind.kind == "box":
        return to_start(value)
    return value.unsqueeze(-1) if kind.size == 1 else value


@dataclass(frozen=True, kw_only=True)
class ValueLoss(Loss):
    """Losses between an output and a value.

    On classes, two or more, the targets are one-hot rows and the outputs raw scores, without softmax: the
    textbook "regression of an indicator matrix" (Hastie, Tibshirani, Friedman 2009, section 4.2). A box is a
    value of four numbers, its edges, of which the outputs say how far they lie from those of a fixed box.

    softmax: on classes, compare the softmax of the outputs with the one-hot rows: the Brier score as a loss
        (Brier 1950), or the absolute error that is robust to wrong labels (Ghosh, Kumar, Sastry, AAAI 2017,
        whose proof needs losses that sum to a constant over the classes, as these do and raw scores do not).
        Not searched: it makes another loss of it, with a name of its own (mse_softmax).
    """

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("continuous", "box", "multiclass", "binary")
    softmax: bool = knob(False)

    def chosen_target(self, offered: Sequence[Target]) -> Target | None:
        """As every loss does; with softmax only classes fit."""
        return super().chosen_target([t for t in offered if not self.softmax or t.kind not in NUMBERS])

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One for each number of a value; one a class for classes."""
        return 2 if target.kind == "binary" else target.size

    def gives(self, target: Target) -> tuple[str, ...]:
        if target.kind in NUMBERS:
            return ("value",)
        return ("scores", "probabilities") if self.softmax else ("scores",)

    def compared(self, output: Tensor, target: Tensor, kind: Target) -> tuple[Tensor, Tensor]:
        """What is compared with what: outputs (..., K), targets as (..., size) values or (..., C) rows."""
        if kind.kind in NUMBERS:
            return as_value(output, kind), target.unsqueeze(-1) if kind.size == 1 else target
        return output.softmax(-1) if self.softmax else output, one_hot(target, output)

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """A value, or scores, which define probabilities where the softmax of them was trained."""
        if kind.kind in NUMBERS:
            value = as_value(output, kind)
            return Prediction(value=value.squeeze(-1) if kind.size == 1 else value)
        return Prediction(scores=output, probabilities=output.softmax(-1) if self.softmax else None)


@dataclass(frozen=True, kw_only=True)
class ShareLoss(ValueLoss):
    """Losses of a value whose errors are shares of its size, for which it must not be shifted."""

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("continuous",)
    own_units: ClassVar[bool] = True

    def idle(self, target: Tensor) -> Tensor:
        """Those whose target is 0."""
        return target == 0


@dataclass(frozen=True, kw_only=True)
class BoxLoss(Loss):
    """Losses of how two boxes lie to each other, which a common shift and scale do not change."""

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("box",)

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One for each edge."""
        return target.size

    def gives(self, target: Target) -> tuple[str, ...]:
        return ("value",)

    def compared(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What is compared with what: two boxes (..., 4)."""
        return from_start(output), target

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """A box (..., 4)."""
        return Prediction(value=from_start(output))


@dataclass(frozen=True, kw_only=True)
class SoftmaxLoss(Loss):
    """Losses of logits whose softmax is predicted. Two classes have two outputs; identities are the training
    people."""

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("multiclass", "binary", "identity")

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One a class."""
        return 2 if target.kind == "binary" else target.size

    def gives(self, target: Target) -> tuple[str, ...]:
        return ("scores", "probabilities")

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """Logits, and their softmax."""
        return Prediction(scores=output, probabilities=output.softmax(-1))


@dataclass(frozen=True, kw_only=True)
class RelationLoss(Loss):
    """Losses between the embeddings of one batch, of anchors against candidates (`losses.relations`).

    partners: what an example must find in its batch, in words.
    compares: whether it trains only where both stand in a batch: who belongs to an anchor, and who does not.
    """

    compares: ClassVar[bool] = False
    trains_on: ClassVar[tuple[TargetKind, ...]] = ("identity", "hard_pair", "pair", "item")
    batchwise = True
    partners: ClassVar[str] = "no other example to form a pair with"

    @property
    def on_sphere(self) -> bool:
        """Whether embeddings are compared on the unit sphere, by their cosine."""
        return True

    def between(self, relations: Relations) -> Tensor:
        """(A,), one value for each anchor; embeddings lie on the unit sphere where `on_sphere` says so.

        A loss that overrides `__call__` instead reads embeddings by kind of target itself.
        """
        raise NotImplementedError(f"loss={self.name} says nothing of anchors and candidates")

    def needs_for(self, target: Target) -> tuple[str, ...]:
        return NEEDS.get(target.kind, ())

    def also_for(self, target: Target) -> tuple[str, ...]:
        return ALSO.get(target.kind, ())

    @property
    def nearness(self) -> Nearness:
        """By distances; of embeddings on the unit sphere they order as angles do."""
        return "cosine" if self.on_sphere else "distance"

    def outputs(self, target: Target, embedding_size: int) -> int:
        """As long as the model's embedding."""
        return embedding_size

    def gives(self, target: Target) -> tuple[str, ...]:
        return GIVES.get(target.kind, ALONE)

    def idle(self, target: Tensor) -> Tensor:
        """Those that are alone: with any other example they form a pair. One that compares needs both."""
        equal, different = company(target)
        return (equal == 0) | (different == 0) if self.compares else equal + different == 0

    def idle_pairs(self, target: Tensor) -> Tensor:
        """Of one that compares, those without one of another number."""
        _, different = company(target)
        return (different == 0) & self.compares

    def __call__(self, output: Any, target: Any, kind: Target) -> Tensor:
        relations = related(output, target, kind.kind)
        return self.between(relations.on_sphere() if self.on_sphere else relations)

    def predict(self, output: Any, kind: Target) -> Prediction:
        """The embeddings, as the loss compares them."""
        own = (
            {name: output[name] for name in self.gives(kind)} if self.needs_for(kind) else {ALONE[0]: output}
        )
        return Prediction(**{name: scaled(e) if self.on_sphere else e for name, e in own.items()})


@dataclass(frozen=True, kw_only=True)
class EmbeddingLoss(RelationLoss):
    """Losses of Euclidean distances.

    normalize: put embeddings on the unit sphere, in the loss and in what it predicts. Searched where `tune`
        names loss.normalize, for all these losses alike and with the same margins: on the sphere distances
        end at 2; off it embeddings grow to what a margin asks for, which then is large or small against
        initial weights and learning rate. Not by itself: it also decides how far apart what is predicted
        lies, which matters to whoever measures distances and not to verification, which scales all to 1.
    """

    normalize: bool = knob(False, search=among(False, True), asked=True)

    @property
    def on_sphere(self) -> bool:
        return self.normalize


def two_classes(output: Tensor) -> Tensor:
    """One score (..., 1) for class 1 as scores (..., 2) of both: class 1 wins where it is above zero.

    Their softmax is (1 - sigmoid, sigmoid).
    """
    import torch

    return torch.cat([torch.zeros_like(output), output], -1)


def mean_of_support(probabilities: Tensor, kind: Target) -> Tensor:
    """The mean (...) of distributions (..., C) over `Target.support`, in its units; float64, as they are."""
    exact = probabilities.double()
    return exact @ exact.new_tensor(kind.support)
