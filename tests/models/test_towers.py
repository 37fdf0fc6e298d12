"""Two towers: what they give in training and in evaluation, and that a bias is added."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call

from lossbench.losses.nearness import all_items
from lossbench.models.towers import Towers
from lossbench.task import Inputs

USERS, ITEMS, K = 6, 9, 3
INPUTS = Inputs(
    "user_item",
    parts={
        "user": Inputs("id", vocabulary=USERS),
        "item": Inputs("id", vocabulary=ITEMS),
        "other": Inputs("id", (K,), vocabulary=ITEMS),
    },
)
READ = {
    "user": torch.tensor([0, 5, 2, 2]),
    "item": torch.tensor([8, 0, 1, 3]),
    "other": torch.arange(12).view(4, K) % ITEMS,
}


def built(seed: int = 0, **knobs: object) -> torch.nn.Module:
    torch.manual_seed(seed)
    return Towers(name="towers", embedding_size=4, **knobs).build(INPUTS, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("bias", [False, True])
def test_training_and_evaluation_give_the_same_vectors(bias: bool, hidden: tuple[int, ...]) -> None:
    module, size = built(bias=bias, hidden=hidden), 4 + bias
    trained = module(READ)
    assert {name: tuple(own.shape) for name, own in trained.items()} == {
        "user": (4, size),
        "item": (4, size),
        "other": (4, K, size),
        "items": (1, ITEMS, size),
        "output": (4, 1),
    }
    evaluated = module.eval()(READ)
    assert set(evaluated) == {"user", "items", "output"}
    torch.testing.assert_close(evaluated["items"][0, READ["item"]], trained["item"])
    torch.testing.assert_close(evaluated["items"][0, READ["other"]], trained["other"])
    scores = all_items(evaluated["user"], evaluated["items"], "dot")
    own = module.get_parameter("users.table")[READ["user"], 4:].sum(-1, keepdim=True)  # of the user alone
    torch.testing.assert_close(scores.gather(1, READ["item"].unsqueeze(1)) + own, evaluated["output"])


def test_a_bias_is_added_to_the_product() -> None:
    plain, biased = built(bias=False), built(bias=True)
    torch.testing.assert_close(biased(READ)["output"], plain(READ)["output"])  # it begins at 0
    user, item = torch.arange(6.0), 10 * torch.arange(9.0)
    with torch.no_grad():
        biased.get_parameter("users.table")[:, 4] = user
        biased.get_parameter("items.table")[:, 4] = item
    added = (user[READ["user"]] + item[READ["item"]]).unsqueeze(-1)
    torch.testing.assert_close(biased(READ)["output"], plain(READ)["output"] + added)
    scores = [all_items(found["user"], found["items"], "dot") for found in (biased(READ), plain(READ))]
    torch.testing.assert_close(scores[0], scores[1] + item)


@pytest.mark.parametrize("hidden", [(), (5,)])
def test_towers_stack(hidden: tuple[int, ...]) -> None:
    modules = [built(seed, hidden=hidden) for seed in (0, 1)]
    states = [dict(module.named_parameters()) for module in modules]
    stacked = {name: torch.stack([state[name] for state in states]) for name in states[0]}
    found = torch.vmap(lambda own: functional_call(modules[0], own, (READ,)))(stacked)
    for number, module in enumerate(modules):
        for name, alone in module(READ).items():
            torch.testing.assert_close(found[name][number], alone)
