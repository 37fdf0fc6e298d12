"""What losses of one family share: how many outputs they need, and what those outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.config.search import among
from lossbench.losses.boxes import from_start, to_start
from lossbench.losses.loss import Loss
from lossbench.losses.targets import one_hot
from lossbench.task import NUMBERS, Prediction, Target, TargetKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


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
class EmbeddingLoss(Loss):
    """Losses between the embeddings of one batch.

    normalize: put embeddings on the unit sphere, in the loss and in what it predicts. Searched where `tune`
        names loss.normalize, for all these losses alike and with the same margins: on the sphere distances
        end at 2; off it embeddings grow to what a margin asks for, which then is large or small against
        initial weights and learning rate. Not by itself: it also decides how far apart what is predicted
        lies, which matters to whoever measures distances and not to verification, which scales all to 1.
    partners: what an example must find in its batch, in words.
    """

    trains_on = ("identity",)
    batchwise = True
    partners: ClassVar[str] = "no other example to form a pair with"
    normalize: bool = knob(False, search=among(False, True), asked=True)

    def outputs(self, target: Target, embedding_size: int) -> int:
        """As long as the model's embedding."""
        return embedding_size

    def gives(self, target: Target) -> tuple[str, ...]:
        return ("embedding",)

    def idle(self, target: Tensor) -> Tensor:
        """Those that are alone: with any other example they form a pair."""
        equal, different = company(target)
        return equal + different == 0

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """The embedding, as the loss measures its distances."""
        return Prediction(embedding=on_sphere(output) if self.normalize else output)


def on_sphere(output: Tensor) -> Tensor:
    """Rows (..., E) divided by their length. A row shorter than 1e-6 becomes zero and has a zero gradient:
    its direction is rounding error, and its gradient would be beyond 1e6."""
    length: Tensor = output.norm(dim=-1, keepdim=True)
    return output / length.clamp(min=1e-6) * (length > 1e-6)


def distances(output: Tensor) -> Tensor:
    """Euclidean distances (N, N) between rows (N, E); the gradient at distance zero is zero.

    Computed from differences, not from inner products, which lose all digits where embeddings lie close.
    """
    import torch

    apart: Tensor = torch.cdist(output, output, compute_mode="donot_use_mm_for_euclid_dist")
    return apart


def pair_masks(target: Tensor) -> tuple[Tensor, Tensor]:
    """Of identities (N,): which pairs (N, N) are of one identity, without an example and itself; of two."""
    import torch

    same = target.unsqueeze(0) == target.unsqueeze(1)
    itself = torch.eye(len(target), dtype=torch.bool, device=target.device)
    return same & ~itself, ~same


def company(target: Tensor) -> tuple[Tensor, Tensor]:
    """Of batches of identities (..., N): how many others of its own, and of others, each example finds."""
    equal = (target.unsqueeze(-1) == target.unsqueeze(-2)).sum(-1)
    return equal - 1, target.shape[-1] - equal


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
