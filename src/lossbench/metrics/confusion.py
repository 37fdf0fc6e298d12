"""What follows from how often each class was there, was predicted, and was both: for many rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Confusion:
    """Counts of each class (R, C), or sums of weights: int64 without weights, else float64 on the CPU.

    right: predicted and there.
    predicted, there: each of them.
    home: the device of results.
    """

    right: Tensor
    predicted: Tensor
    there: Tensor
    home: torch.device

    def f1(self) -> Tensor:
        """(R,) the plain mean of F1 over the classes that were there or predicted; NaN where none was."""
        total = self.predicted + self.there
        occurs = total > 0
        return ((2 * self.right / total.where(occurs, 1)).double().sum(-1) / occurs.sum(-1)).to(self.home)

    def balanced_accuracy(self) -> Tensor:
        """(R,) the plain mean of recall over the classes that were there; NaN where none was."""
        occurs = self.there > 0
        recall = self.right.double() / self.there.where(occurs, 1)
        return (recall.sum(-1) / occurs.sum(-1)).to(self.home)

    def mcc(self) -> Tensor:
        """(R,) Matthews' correlation; 0 where one class is there or predicted, NaN where none is."""
        right, predicted, there = (of.double() for of in (self.right, self.predicted, self.there))
        total = there.sum(-1, keepdim=True)
        shared = right.sum(-1) * total.squeeze(-1) - (predicted * there).sum(-1)
        spreads = [(of * (total - of)).sum(-1) for of in (predicted, there)]
        varied = ((predicted > 0).sum(-1) > 1) & ((there > 0).sum(-1) > 1)
        found = shared / torch.where(varied, spreads[0] * spreads[1], 1).sqrt()
        found = torch.where(varied, found.clamp(-1, 1), 0)
        return torch.where(total.squeeze(-1) > 0, found, torch.nan).to(self.home)


def counted(predicted: Tensor, labels: Tensor, classes: int, weight: Tensor | None = None) -> Confusion:
    """The table of rows of classes (R, M), 0 .. classes-1.

    Args:
        weight: (R, M) float64, 0 or more.
    """
    if weight is not None:
        return _weighed(predicted, labels, classes, weight)
    members = len(labels)
    shift = torch.arange(members, device=labels.device).unsqueeze(-1) * classes

    def count(of: Tensor) -> Tensor:
        return torch.bincount((of + shift).flatten(), minlength=members * classes).view(members, classes)

    # Wrong predictions are counted in a class of their own, behind the last member.
    hits = torch.where(predicted == labels, labels + shift, members * classes).flatten()
    right = torch.bincount(hits, minlength=members * classes + 1)[:-1].view(members, classes)
    return Confusion(right, count(predicted), count(labels), labels.device)


def _weighed(predicted: Tensor, labels: Tensor, classes: int, weight: Tensor) -> Confusion:
    # Where sums are in order: an accelerator adds weights as they come.
    home = weight.device
    predicted, labels, weight = predicted.cpu(), labels.cpu(), weight.cpu()
    shift = torch.arange(len(labels)).unsqueeze(-1) * classes

    def sums(of: Tensor, weights: Tensor) -> Tensor:
        of = (of + shift).flatten()
        return torch.bincount(of, weights.flatten(), len(labels) * classes).view(-1, classes)

    right = sums(labels, weight * (predicted == labels))
    return Confusion(right, sums(predicted, weight), sums(labels, weight), home)
