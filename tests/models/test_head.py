"""The head is trained, the embedding in front of it is judged."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lossbench.models.head import Headed


def test_the_head_is_trained_and_the_embedding_is_evaluated() -> None:
    net, head = nn.Linear(4, 3), nn.Linear(3, 5)
    headed, x = Headed(net, head), torch.randn(2, 4)
    assert torch.equal(headed(x), head(net(x)))
    evaluated = headed.eval()(x)
    assert evaluated.keys() == {"embedding"}
    assert torch.equal(evaluated["embedding"], net(x))


def test_what_a_stack_evaluates_is_the_embedding_of_each() -> None:
    members = [Headed(nn.Linear(4, 3), nn.Linear(3, 5)).eval() for _ in range(3)]
    state, x = torch.func.stack_module_state(members), torch.randn(3, 2, 4)

    def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], own: Tensor) -> dict[str, Tensor]:
        evaluated: dict[str, Tensor] = functional_call(members[0], (parameters, buffers), (own,))
        return evaluated

    stacked = torch.vmap(one)(*state, x)["embedding"]
    alone = torch.stack([member(row)["embedding"] for member, row in zip(members, x, strict=True)])
    torch.testing.assert_close(stacked, alone)
