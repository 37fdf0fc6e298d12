"""The one form of all losses on embeddings: anchors, candidates, and which of them belong together.

Identities, pairs and clicks differ in what stands against what; a loss sees the form alone:

    identity  anchors and candidates are both the batch; what has one number belongs together
    pair      left ones against right ones; those of one row belong together
    hard_pair the same, against right ones of other rows as well, which are chosen because they are hard
    item      users against the items of the batch and the drawn ones; the item of a row belongs to its user
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lossbench.losses.targets import check_embeddings
from lossbench.task import TargetKind

if TYPE_CHECKING:
    from torch import Tensor


PAIR: TargetKind = "pair"  # left ones and right ones, which belong together row by row
HARD: TargetKind = "hard_pair"  # the same, with hard candidates that belong to none of the row
# What a loss of this form reads by name; of identities it is the one tensor that most models give.
NEEDS: Mapping[TargetKind, tuple[str, ...]] = {
    PAIR: ("left", "right"),
    HARD: ("left", "right", "other"),
    "item": ("user", "item", "other"),
}
# What it reads beside the target itself.
ALSO: Mapping[TargetKind, tuple[str, ...]] = {"item": ("owned",)}
# What it predicts, where that is not the embedding.
GIVES: Mapping[TargetKind, tuple[str, ...]] = {PAIR: ("left", "right"), HARD: ("left", "right"), "item": ()}
ALONE = ("embedding",)
PAIRS = ("mean", "balanced")  # what a loss may be the mean of
MATCH = "match"  # (N, N), what a layer on both embeddings of all pairs of a batch says


@dataclass(frozen=True, eq=False)
class Relations:
    """What stands against what in a batch.

    anchors: float (A, E).
    candidates: float (C, E), or (A, C, E) where each anchor has its own; the very same tensor as anchors
        where the batch stands against itself.
    same, different: bool (A, C), which belong together and which do not. What is neither is masked: an
        example and itself, or a text that is a right answer by chance, is neither near nor far to be.
    """

    anchors: Tensor
    candidates: Tensor
    same: Tensor
    different: Tensor

    def on_sphere(self) -> Relations:
        """All embeddings divided by their length."""
        anchors = on_sphere(self.anchors)
        alike = self.candidates is self.anchors
        return replace(self, anchors=anchors, candidates=anchors if alike else on_sphere(self.candidates))

    def distances(self) -> Tensor:
        """Euclidean distances (A, C); the gradient at distance zero is zero.

        Computed from differences, not from inner products, which lose all digits where embeddings lie close.
        """
        import torch

        own = self.candidates.ndim > self.anchors.ndim
        anchors = self.anchors.unsqueeze(1) if own else self.anchors
        apart: Tensor = torch.cdist(anchors, self.candidates, compute_mode="donot_use_mm_for_euclid_dist")
        return apart.squeeze(1) if own else apart

    def products(self) -> Tensor:
        """Inner products (A, C)."""
        if self.candidates.ndim > self.anchors.ndim:
            return (self.anchors.unsqueeze(1) * self.candidates).sum(-1)
        return self.anchors @ self.candidates.T

    def joined(self) -> Relations:
        """The same with candidates (C, E) alone, of which those of other anchors are masked."""
        import torch

        if self.candidates.ndim == self.anchors.ndim:
            return self
        count = len(self.anchors)
        itself = torch.eye(count, dtype=torch.bool, device=self.anchors.device).unsqueeze(-1)
        same, different = ((itself & own).flatten(1) for own in (self.same, self.different))
        return Relations(self.anchors, self.candidates.flatten(0, 1), same, different)

    def mean(self, pull: Tensor, push: Tensor, pairs: str) -> Tensor:
        """The mean over the candidates of each anchor (A,); an empty one is 0.

        Args:
            pull, push: (A,) sums of what `same` and what `different` candidates cost.
            pairs: of PAIRS: "mean" over all, or "balanced", half the mean of both sides.
        """
        equals, differents = (mask.to(pull.dtype).sum(-1) for mask in (self.same, self.different))
        if pairs == "mean":
            return (pull + push) / (equals + differents).clamp(min=1)
        return (pull / equals.clamp(min=1) + push / differents.clamp(min=1)) / 2


def of_identities(output: Tensor, target: Tensor) -> Relations:
    """A batch against itself, without an example and itself.

    Args:
        output: float (N, E).
        target: int (N,), identities.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.
    """
    import torch

    check_embeddings(output, target)
    same = target.unsqueeze(0) == target.unsqueeze(1)
    itself = torch.eye(len(target), dtype=torch.bool, device=target.device)
    return Relations(output, output, same & ~itself, ~same)


def of_pairs(left: Tensor, right: Tensor, target: Tensor) -> Relations:
    """Left ones against right ones. Those of one row belong together; other rows of one number are masked.

    Args:
        left, right: float (N, E).
        target: int (N,), numbers of pairs, equal where they share a text.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.
    """
    import torch

    check_embeddings(left, target)
    check_embeddings(right, target)
    own = torch.eye(len(target), dtype=torch.bool, device=target.device)
    return Relations(left, right, own, target.unsqueeze(0) != target.unsqueeze(1))


def hard_masks(target: Tensor) -> tuple[Tensor, Tensor]:
    """Which of the right ones, and then of the hard ones row by row, belong to each left one, which do not.

    A hard one of another row stands against each left one as well, but for those of its own number.

    Args:
        target: int (N, 1 + K), the number of each pair, and of its hard ones; -1 where there is none.

    Returns:
        same, different: bool (N, N + N K).
    """
    import torch

    own, hard = target[:, 0].unsqueeze(1), target[:, 1:].flatten()
    itself = torch.eye(len(own), len(own) + len(hard), dtype=torch.bool, device=target.device)
    return itself, torch.cat([own != own.T, (own != hard) & (hard >= 0)], 1)


def of_hard_pairs(left: Tensor, right: Tensor, other: Tensor, target: Tensor) -> Relations:
    """Left ones against right ones and the hard ones of all rows.

    Args:
        left, right: float (N, E).
        other: float (N, K, E), hard ones.
        target: int (N, 1 + K), as `hard_masks` reads it.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.
    """
    import torch

    if target.ndim != 2 or other.shape != (len(left), target.shape[1] - 1, *left.shape[1:]):
        raise ValueError(
            "other must be (N, K, embedding) and target (N, 1 + K); got "
            f"{tuple(other.shape)} and {tuple(target.shape)}"
        )
    check_embeddings(left, target[:, 0])
    check_embeddings(right, target[:, 0])
    return Relations(left, torch.cat([right, other.flatten(0, 1)]), *hard_masks(target))


def of_items(user: Tensor, item: Tensor, other: Tensor, owned: Tensor) -> Relations:
    """Users against the items of the batch and those drawn for it, or for their own row alone. What else a
    user has is masked.

    Args:
        user, item: float (N, E), of the same rows.
        other: float (N, K, E), drawn ones.
        owned: bool (N, N + N K), which of the items of the batch, and then of the drawn ones, row by row, the
            user of a row has; the item of his row among them. Or (N, 1 + K), of those of his row.

    Raises:
        ValueError: the shapes do not fit.
    """
    import torch

    if item.shape != user.shape or other.shape[:1] + other.shape[2:] != user.shape:
        raise ValueError(
            "user and item must both be (N, embedding) and other (N, drawn, embedding); got "
            f"{tuple(user.shape)}, {tuple(item.shape)} and {tuple(other.shape)}"
        )
    count, drawn = other.shape[:2]
    if owned.shape not in ((count, count + count * drawn), (count, 1 + drawn)) or owned.dtype != torch.bool:
        raise ValueError(
            f"owned must be bool (N, N + drawn), here {(count, count + count * drawn)}, or "
            f"{(count, 1 + drawn)} of each row; got {owned.dtype} {tuple(owned.shape)}"
        )
    if owned.shape[1] == 1 + drawn:
        candidates = torch.cat([item.unsqueeze(1), other], 1)
        own = (torch.arange(1 + drawn, device=owned.device) == 0).expand_as(owned)
    else:
        candidates = torch.cat([item, other.flatten(0, 1)])
        own = torch.eye(*owned.shape, dtype=torch.bool, device=owned.device)
    return Relations(user, candidates, own, ~(owned | own))


def related(output: Any, target: Any, kind: TargetKind) -> Relations:
    """What stands against what, of what a loss is called with for a kind of target.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.
    """
    if kind == PAIR:
        return of_pairs(output["left"], output["right"], target)
    if kind == HARD:
        return of_hard_pairs(output["left"], output["right"], output["other"], target)
    if kind == "item":
        return of_items(output["user"], output["item"], output["other"], target["owned"])
    return of_identities(output, target)


def on_sphere(output: Tensor) -> Tensor:
    """Rows (..., E) divided by their length. A row shorter than 1e-6 becomes zero and has a zero gradient:
    its direction is rounding error, and its gradient would be beyond 1e6."""
    length: Tensor = output.norm(dim=-1, keepdim=True)
    return output / length.clamp(min=1e-6) * (length > 1e-6)


def company(target: Tensor) -> tuple[Tensor, Tensor]:
    """Of batches of identities (..., N): how many others of its own, and of others, each example finds."""
    equal = (target.unsqueeze(-1) == target.unsqueeze(-2)).sum(-1)
    return equal - 1, target.shape[-1] - equal
