"""The losses of one batch for all members, whichever way they train."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lossbench.pack.groups import Group, Share
from lossbench.trees import Tree, leaves, length, part

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
        spare = length(outputs) - (members.stop - members.start)
        shares = [own for group in self.groups if (own := group.share(members, spare))]
        if len(shares) == 1:
            return self._share(shares[0], outputs)
        parts = [self._share(share, part(outputs, share.rows)) for share in shares]
        order = torch.cat([share.group.index for share in shares]).argsort()
        return torch.cat(parts)[order]

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
