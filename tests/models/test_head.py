"""The head is trained, the embedding in front of it can be had."""

from __future__ import annotations

import torch
from torch import nn
from torch.func import functional_call

from lossbench.models.head import Headed


def test_logits_are_the_heads_reading_of_the_embedding() -> None:
    net, head = nn.Linear(4, 3), nn.Linear(3, 5)
    headed, x = Headed(net, head), torch.randn(2, 4)
    assert torch.equal(headed(x, embedding=True), net(x))
    assert torch.equal(headed(x), head(net(x)))


def test_both_outputs_can_be_had_from_a_stack() -> None:
    members = [Headed(nn.Linear(4, 3), nn.Linear(3, 5)) for _ in range(3)]
    state, x = torch.func.stack_module_state(members), torch.randn(3, 2, 4)
    for kwargs, width in (({}, 5), ({"embedding": True}, 3)):
        stacked = torch.vmap(lambda p, b, x, k=kwargs: functional_call(members[0], (p, b), (x,), k))(
            *state, x
        )
        assert stacked.shape == (3, 2, width)
        alone = torch.stack([member(row, **kwargs) for member, row in zip(members, x, strict=True)])
        torch.testing.assert_close(stacked, alone)
