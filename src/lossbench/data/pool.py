"""What the lanes of a pack read from: the inputs of their data sets, each held once."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor

from lossbench.trees import Tree, leaves, mapped, numbers_in

# Bytes up to which different inputs are laid one after another, so that one index reads them all: of many
# small lanes that takes less time (measured, a batch of 40 lanes on one core: 0.04 against 0.16 ms). It is a
# copy, which large inputs do without.
_JOINED = 64_000_000


class Pool:
    """The inputs of L lanes; lanes with one and the same object share it.

    Args:
        inputs: of each lane (M, *shape), or a dict of such.
        joined: bytes up to which different ones are copied into one.
    """

    def __init__(self, inputs: Sequence[Tree], *, joined: int = _JOINED) -> None:
        distinct = {id(own): own for own in inputs}
        self._parts: list[Tree] = list(distinct.values())
        keys = list(distinct)
        self._whose = [keys.index(id(own)) for own in inputs]
        self._starts = torch.zeros(len(inputs), 1, dtype=torch.int64)
        sizes = [len(leaves(own)[0]) for own in self._parts]
        if len(sizes) > 1 and sum(leaf.nbytes for own in self._parts for leaf in leaves(own)) <= joined:
            before = torch.tensor([0, *sizes[:-1]]).cumsum(0)
            self._starts = before[self._whose].unsqueeze(1)
            self._parts = [mapped(lambda *tensors: torch.cat(tensors), *self._parts)]
            self._whose = [0] * len(inputs)

    @property
    def numbers(self) -> int:
        """Of one example, as it is kept."""
        return numbers_in(self._parts[0])

    @property
    def one_number(self) -> bool:
        """Whether an example is a single number."""
        return isinstance(self._parts[0], Tensor) and self.numbers == 1

    def to(self, device: torch.device) -> Pool:
        """The same on a device."""
        there = copy(self)
        there._parts = [mapped(lambda tensor: tensor.to(device), own) for own in self._parts]
        there._starts = self._starts.to(device)
        return there

    def at(self, rows: Tensor) -> Tree:
        """What stands at rows (L, B), of each lane in its own inputs: (L, B, ...)."""
        if len(self._parts) == 1:
            places = rows + self._starts
            return mapped(lambda tensor: tensor[places], self._parts[0])
        each = [self._parts[whose] for whose in self._whose]
        return mapped(lambda *tensors: _stacked(tensors, rows), *each)

    def of(self, lane: int, rows: Tensor) -> Tree:
        """What stands at rows (B,) of a lane: (B, ...)."""
        places = rows + self._starts[lane]
        return mapped(lambda tensor: tensor[places], self._parts[self._whose[lane]])


def _stacked(lanes: Sequence[Tensor], rows: Tensor) -> Tensor:
    """What stands at rows (L, B) of tensors; of one that lanes share, such as its codes, by one index."""
    if all(own is lanes[0] for own in lanes):
        return lanes[0][rows]
    return torch.stack([own[place] for own, place in zip(lanes, rows, strict=True)])
