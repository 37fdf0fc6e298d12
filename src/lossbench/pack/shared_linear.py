"""Members that are one linear layer: those of a lane read the same batch, so one product serves several.

In a stack each member else has a copy of its batch, and a product with few columns. Where features are many
and outputs few, as of a head on the features of a network, both take most of a step: measured on one core,
24 members of 512 features and 10 outputs, batches of 64: 0.21 ms forward and backward together against 0.59,
without the copies.

A member has the same numbers in any company, to the bit: weights stand in blocks of a fixed width, filled up
with copies, so that every product has the same shape, in which the columns' order changes nothing (measured
with MKL on one thread, on Intel and AMD, for four rows and more; fewer are filled up, too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_COLUMNS = 64  # of a block, at least
_FEATURES = 64  # with fewer, what is saved is less than what the blocks take
_ROWS = 4  # of a batch, at least


def one_linear(module: nn.Module) -> tuple[str, nn.Linear] | None:
    """The linear layer that a module is, behind a flattening at most, and the prefix of its parameters.

    None where it is something else, or so small or so wide that nothing is gained.
    """
    prefix, layer = "", module
    if type(module) is nn.Sequential and [type(part) for part in module] == [nn.Flatten, nn.Linear]:
        prefix, layer = "1.", module[1]
    if type(layer) is not nn.Linear or layer.in_features < _FEATURES or layer.out_features >= _COLUMNS:
        return None
    return prefix, layer


@dataclass(frozen=True)
class Blocks:
    """Members in blocks of one lane each, all of one width.

    member: (K * width,) which member stands at each place; the last of a lane again and again at its end.
    place: (R,) where each member stands first.
    lane: (K,) the lane of each block.
    """

    member: Tensor
    place: Tensor
    lane: Tensor
    width: int

    @staticmethod
    def of(lanes: Sequence[int], outputs: int, device: torch.device) -> Blocks:
        """For members of these lanes."""
        width = -(-_COLUMNS // outputs)
        by_lane: dict[int, list[int]] = {}
        for member, lane in enumerate(lanes):
            by_lane.setdefault(lane, []).append(member)
        members: list[int] = []
        blocks: list[int] = []
        for lane, own in by_lane.items():
            count = -(-len(own) // width)
            members += own + own[-1:] * (count * width - len(own))
            blocks += [lane] * count
        place = [members.index(member) for member in range(len(lanes))]
        standing, first, read = (torch.tensor(one, device=device) for one in (members, place, blocks))
        return Blocks(standing, first, read, width)

    def joined(self, rows: Tensor) -> Tensor:
        """Rows of members (R, O, N) as those of blocks: (K, width * O, N)."""
        outputs, numbers = rows.shape[1:]
        return rows.index_select(0, self.member).view(-1, self.width * outputs, numbers)


class _Product(torch.autograd.Function):
    """x (L, B, F), weights (R, O, F) -> (R, B, O); x has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, blocks: Blocks) -> Tensor:
        batches = x.index_select(0, blocks.lane)
        products = torch.bmm(batches, blocks.joined(weights).mT)  # (K, B, width * O)
        ctx.save_for_backward(batches)
        ctx.blocks = blocks
        members = products.view(*products.shape[:2], blocks.width, -1).transpose(1, 2).flatten(0, 1)
        return members.index_select(0, blocks.place)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        blocks: Blocks = ctx.blocks
        batches: Tensor = ctx.saved_tensors[0]
        gradient = gradients[0].mT
        products = torch.bmm(blocks.joined(gradient), batches)  # (K, width * O, F)
        members = products.view(-1, gradient.shape[1], batches.shape[-1])
        return None, members.index_select(0, blocks.place), None


def outputs_of(x: Tensor, weights: Tensor, bias: Tensor | None, blocks: Blocks) -> Tensor:
    """x (L, B, ...), weights (R, O, F), bias (R, O) -> (R, B, O)."""
    flat = x.flatten(2)
    count = flat.shape[1]
    if count < _ROWS:
        flat = torch.cat([flat, flat[:, -1:].expand(-1, _ROWS - count, -1)], dim=1)
    found: Tensor = _Product.apply(flat, weights, blocks)[:, :count]  # type: ignore[no-untyped-call]
    return found if bias is None else found + bias.unsqueeze(1)
