"""Dropout whose mask is a pure function of a key, so that members of a stack keep their own masks.

`nn.Dropout` draws from one global generator: under `torch.func.vmap` a member's mask would depend on
who is stacked beside it. Here the mask is a hash of (key, position of the element in the batch). The key
is a buffer, stacks like any other, and is set before each training step:

    advance(buffers, seeds, step)     # seeds: stream(member's seed, "dropout") of each member

Without that call the mask is the same in every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Dropout(nn.Module):
    """Inverted dropout: in training, elements are zero at `rate` and the rest is scaled by 1 / (1 - rate).

    Args:
        rate: probability that an element is dropped, 0 <= rate < 1.

    Buffers:
        key: int64 (); equal keys give equal masks, whatever the batch size, alone or in a stack.
    """

    key: Tensor

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        # A key is no knowledge of the trained model: it does not belong into its saved weights.
        self.register_buffer("key", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        return x * kept(self.key, x, self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def dropped(rate: float) -> nn.Module:
    """Dropout, or at a rate of 0 nothing, so that no key is held and drawn for it."""
    return Dropout(rate) if rate > 0 else nn.Identity()


def kept(key: Tensor, like: Tensor, rate: float) -> Tensor:
    """The scaled mask: 0 or 1 / (1 - rate), of shape and type of `like`; key int64 ().

    The mixer is "lowbias32" in its improved form (Wellons' hash-prospector, public domain), on wrapping
    int32: in a stack it is several times as fast as int64. Its last step only changes low bits, which the
    comparison with the rate does not see, and is left out.
    """
    # Scattered over all 32 bits first, once for the whole stack: else near keys would only reorder a mask.
    index = _mixed(torch.arange(like.numel(), device=like.device, dtype=torch.int32)).view(like.shape)
    mixed = _mixed((index + key.int()) ^ (key >> 32).int())
    dropped_below = int(rate * 2**32) - 2**31
    return (mixed >= dropped_below).to(like.dtype) * (1 / (1 - rate))


def _mixed(number: Tensor) -> Tensor:
    number = (number ^ _shifted(number, 16)) * 0x21F0AAAD
    return (number ^ _shifted(number, 15)) * 0x735A2D97


def advance(buffers: Mapping[str, Tensor], seeds: Tensor, step: int) -> None:
    """Write the keys of one training step into every dropout layer, in place.

    Args:
        buffers: named buffers, stacked (R, ...) or, for one member, as `module.named_buffers()` gives them.
            Other buffers than int64 ones called `key` are left alone.
        seeds: (R,) int64, one per member: `seeds.stream(seed, "dropout")`.
        step: the number of the training step; every step has its own masks.
    """
    keys = [
        buffer
        for name, buffer in buffers.items()
        if (name == "key" or name.endswith(".key")) and buffer.dtype == torch.int64
    ]
    if not keys:
        return
    layer = torch.arange(len(keys), device=seeds.device).unsqueeze(1)
    mixed = _splitmix(_splitmix(seeds) + (step * len(keys) + layer))
    for buffer, values in zip(keys, mixed, strict=True):
        buffer.copy_(values.view(buffer.shape))


def _splitmix(state: Tensor) -> Tensor:
    """The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), on wrapping int64."""
    state = state * -0x61C8864680B583EB
    state = (state ^ _shifted(state, 30)) * -0x40A7B892E31B1A47
    state = (state ^ _shifted(state, 27)) * -0x6B2FB644ECCEEE15
    return state ^ _shifted(state, 31)


def _shifted(state: Tensor, bits: int) -> Tensor:
    """A logical right shift: the one of signed integers copies the sign."""
    return (state >> bits) & ((1 << (torch.iinfo(state.dtype).bits - bits)) - 1)
