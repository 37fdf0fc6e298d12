"""Dropout drops the share it says, independently, and a member's mask is its own wherever it trains."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lossbench.models.dropout import Dropout, advance, kept

SHAPE = (256, 64)
COUNT = math.prod(SHAPE)


def masks(keys: Tensor, rate: float = 0.5, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """True where kept, one mask a key."""
    like = torch.ones(shape)
    return torch.stack([kept(key, like, rate) > 0 for key in keys])


def net() -> nn.Sequential:
    return nn.Sequential(Dropout(0.5), nn.Sequential(Dropout(0.5)), Dropout(0.5))


def keys_of_steps(steps: int, members: int) -> Tensor:
    """(steps, layers, members), as a pack sets them."""
    buffers = {name: b.repeat(members) for name, b in net().named_buffers()}
    found = []
    for step in range(steps):
        advance(buffers, torch.arange(members) + 5, step)
        found.append(torch.stack(list(buffers.values())))
    return torch.stack(found)


def reference(key: int, index: int) -> int:
    """The hash of one element in Python's unbounded integers."""

    def mixed(number: int) -> int:
        number = ((number ^ (number >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
        return ((number ^ (number >> 15)) * 0x735A2D97) & 0xFFFFFFFF

    return mixed(((mixed(index) + key) ^ (key >> 32)) & 0xFFFFFFFF)


@given(key=st.integers(-(2**63), 2**63 - 1), rate=st.floats(0, 0.99))
def test_integers_wrap_as_the_hash_needs(key: int, rate: float) -> None:
    """The masks rest on wrapping int32; this holds them to arithmetic that cannot overflow."""
    mask = kept(torch.tensor(key), torch.ones(3, 20), rate).flatten() > 0
    for index, is_kept in enumerate(mask.tolist()):
        signed = (reference(key, index) + 2**31) % 2**32 - 2**31
        assert is_kept == (signed >= int(rate * 2**32) - 2**31)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_the_share_dropped_is_the_rate(rate: float) -> None:
    keys = keys_of_steps(20, 2).flatten()
    dropped = (~masks(keys, rate)).double()
    error = math.sqrt(rate * (1 - rate))
    assert abs(float(dropped.mean()) - rate) < 4 * error / math.sqrt(dropped.numel())
    each = (dropped.mean((1, 2)) - rate) / (error / math.sqrt(COUNT))  # standard scores of single masks
    assert float(each.abs().max()) < 5
    assert 0.8 < float(each.std()) < 1.2


def test_masks_of_keys_layers_and_steps_are_independent() -> None:
    """Correlations between all pairs of 60 masks are those of coin tosses."""
    signs = masks(keys_of_steps(5, 4).flatten()).flatten(1).double() * 2 - 1
    correlation = (signs @ signs.t() / COUNT)[*torch.triu_indices(60, 60, 1)] * math.sqrt(COUNT)
    assert float(correlation.abs().max()) < 5
    assert 0.9 < float(correlation.std()) < 1.1


def test_elements_of_a_mask_are_independent() -> None:
    """Neighbours in rows and columns, and each place over keys, agree as often as coin tosses."""
    signs = masks(keys_of_steps(60, 2).flatten()).double() * 2 - 1
    for shift, dim in [(1, 1), (1, 2), (2, 2), (32, 2), (128, 1)]:
        agreement = (signs * signs.roll(shift, dim)).mean() * math.sqrt(signs.numel())
        assert abs(float(agreement)) < 4
    places = signs.mean(0) * math.sqrt(len(signs))
    assert float(places.abs().max()) < 6
    assert 0.95 < float(places.std()) < 1.05


def test_masks_of_near_keys_are_independent() -> None:
    """Keys that differ in one bit, of either half."""
    key = torch.tensor(0x0123456789ABCDEF)
    near = torch.stack([key, *(key ^ (1 << bit) for bit in range(63))])
    signs = masks(near).flatten(1).double() * 2 - 1
    assert float((signs[1:] @ signs[0]).abs().max()) / math.sqrt(COUNT) < 5


def test_a_member_of_a_stack_has_the_very_mask_it_has_alone() -> None:
    layer = Dropout(0.3)
    keys = torch.tensor([7, -(2**60), 2**62 + 3])
    x = torch.randn(3, 16, 10)
    stacked = torch.vmap(lambda key, x: torch.func.functional_call(layer, {"key": key}, (x,)))(keys, x)
    for key, row, together in zip(keys, x, stacked, strict=True):
        layer.key.copy_(key)
        assert torch.equal(layer(row), together)


def test_a_mask_does_not_depend_on_how_many_rows_follow() -> None:
    key = torch.tensor(11)
    assert torch.equal(kept(key, torch.ones(64, 8), 0.5)[:10], kept(key, torch.ones(10, 8), 0.5))


def test_what_is_kept_is_scaled_up_in_training_and_all_is_kept_in_evaluation() -> None:
    layer, x = Dropout(0.75), torch.rand(50, 50) + 1
    trained = layer.train()(x)
    torch.testing.assert_close(trained[trained != 0], 4 * x[trained != 0])
    assert torch.equal(layer.eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)


def test_gradients_flow_through_what_is_kept() -> None:
    x = torch.rand(20, 20, requires_grad=True)
    output = Dropout(0.5)(x)
    output.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad != 0, output != 0)


def test_a_members_keys_are_the_same_alone_and_in_any_stack() -> None:
    members = {name: b.repeat(3) for name, b in net().named_buffers()}
    advance(members, torch.tensor([5, 9, 5]), 4)
    alone = net()
    advance(dict(alone.named_buffers()), torch.tensor([9]), 4)
    for name, buffer in alone.named_buffers():
        assert members[name][1] == buffer
        assert members[name][0] == members[name][2] != buffer


def test_no_two_layers_steps_or_members_share_a_key() -> None:
    keys = keys_of_steps(50, 4)
    assert len(keys.unique()) == keys.numel() == 600


def test_other_buffers_are_left_alone() -> None:
    buffers = {"mean": torch.zeros(2), "a.key": torch.zeros(2), "monkey": torch.zeros(2, dtype=torch.int64)}
    advance(buffers, torch.tensor([1, 2]), 0)
    assert all((buffer == 0).all() for buffer in buffers.values())
