"""The losses of one batch for all members, whichever way they train."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lossbench.pack.groups import Group, Share
from lossbench.trees import Tree, leaves, length, mapped, part

if TYPE_CHECKING:
    from lossbench.pack.batch import Batch

# Told of a member whose loss raised: the member, the error, its traceback.
Report = Callable[[int, Exception, str], None]
# Told of a group that torch.func.vmap refuses although none of its members raises alone.
Refused = Callable[[Group, Exception], None]


class BatchLosses:
    """The objective of one training batch; the loss of a member that raises is told, and nan."""

    def __init__(self, groups: Sequence[Group], batch: Batch, report: Report, refused: Refused) -> None:
        self.groups = groups
        self.batch = batch
        self.report = report
        self.refused = refused
        self.raised = 0
        self.as_planned = True  # no loss raised, alone or with others of its kind
        self._strict = False
        self.parts: dict[str, Tensor] = {}  # of sums, the mean of each part (R,); nan of who has it not

    def strictly(self, batch: Batch) -> BatchLosses:
        """Of another batch; a loss that raises is an error of who asks for it."""
        own = BatchLosses(self.groups, batch, self.report, self.refused)
        own._strict = True
        return own

    def all(self, outputs: Tree, members: slice) -> Tensor:
        """The mean loss of each of these members: (n, B, ...), with spare members more -> (n,)."""
        shares = self._shares(members, length(outputs))
        if len(shares) == 1:
            return self._share(shares[0], outputs)
        # Copies: a loss may change what it reads in place.
        reads = [mapped(Tensor.clone, part(outputs, share.rows)) for share in shares]
        parts = [self._share(share, read) for share, read in zip(shares, reads, strict=True)]
        return self._in_order(parts, shares)

    def with_gradients(self, outputs: Tensor, members: slice) -> tuple[Tensor, Tensor]:
        """As `all`, of outputs behind which no gradient goes: losses (n,), and gradients of their sum.

        Gradients are those of all outputs given; of spare members, and of those whose loss raised, zero.
        """
        shares = self._shares(members, len(outputs))
        reads = [outputs[share.rows].detach().requires_grad_() for share in shares]
        parts = [self._share(share, read.clone()) for share, read in zip(shares, reads, strict=True)]
        losses = self._in_order([means.detach() for means in parts], shares)
        trained = [own for own in zip(shares, reads, parts, strict=True) if own[2].requires_grad]
        if not trained:
            return losses, torch.zeros_like(outputs)
        sums, of = [means.sum() for *_, means in trained], [read for _, read, _ in trained]
        found = torch.autograd.grad(sums, of, allow_unused=True, materialize_grads=True)
        if len(shares) == 1:  # whose spare get none, since their losses are left out
            return losses, found[0]
        gradients = torch.zeros_like(outputs)
        for (share, *_), own in zip(trained, found, strict=True):
            gradients[share.members] = own[: len(share.group.losses)]
        return losses, gradients

    def _shares(self, members: slice, count: int) -> list[Share]:
        """Of groups that have some of these members, which have so many rows of outputs."""
        spare = count - (members.stop - members.start)
        return [own for group in self.groups if (own := group.share(members, spare))]

    def _in_order(self, parts: Sequence[Tensor], shares: Sequence[Share]) -> Tensor:
        """What each share has of its members (G,), in the order of members (n,)."""
        if len(parts) == 1:
            return parts[0]
        whole = torch.cat([*parts])
        order = [member for share in shares for member in share.group.places]
        if order == sorted(order):
            return whole
        return whole[torch.cat([share.group.index for share in shares]).argsort()]

    def one(self, member: int, output: Tree) -> Tensor:
        """The mean loss of one member: (B, ...) -> ()."""
        group = next(group for group in self.groups if member in group.places)
        try:
            mean, parts = group.value(member, output, self.batch)
            self._note(parts, member)
            return mean
        except Exception as error:
            self.raised += 1
            self.report(member, error, traceback.format_exc())
            return leaves(output)[0].new_tensor(float("nan"))

    def _share(self, share: Share, outputs: Tree) -> Tensor:
        group = share.group
        try:
            means, parts = group.values(outputs, self.batch, share)
            self._note(parts, group.index)
            return means
        except Exception as error:
            if self._strict:
                raise
            self.as_planned = False
            # One of them raises: find out which, and let the others go on.
            before = self.raised
            each = [self.one(member, part(outputs, place)) for member, (place, _) in group.places.items()]
            values = torch.stack(each)
            if self.raised == before:
                self.refused(group, error)
            return values

    def _note(self, parts: Mapping[str, Tensor], members: int | Tensor) -> None:
        for name, means in parts.items():
            if name not in self.parts:
                count = sum(len(group.losses) for group in self.groups)
                self.parts[name] = means.new_full((count,), torch.nan)
            self.parts[name][members] = means
