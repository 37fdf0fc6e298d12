"""Copies of the last member at the end of a stack, which make it independent of its company to the bit.

Two things in torch depend on where in a tensor a number stands. A matrix product of a batch of one takes
another path through the BLAS library than one of two or more. And the last numbers of a tensor, which fill no
vector of the processor, are computed by other code: sigmoid, softplus, silu, elu, mish, gelu(tanh), logaddexp
and broken powers then differ in the last bit (measured with torch 2.13 on a CPU). With spare copies behind it
no member is alone, and none is the last. What stays apart is the gradient of `prod`, which looks for zeros in
the whole tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

WIDEST = 32  # numbers that code for vectors computes at once, at most


def spare(examples: int) -> int:
    """How many copies fill a vector, where each has at least one number for each of so many examples."""
    return max(1, -(-WIDEST // max(1, examples)))


def with_spare(rows: Tensor, count: int) -> Tensor:
    """(R, ...) -> (R + count, ...), the last row again and again."""
    import torch

    return torch.cat([rows, rows[-1:].expand(count, *rows.shape[1:])]) if count else rows
