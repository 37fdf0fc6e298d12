"""A policy: it begins as its reference, and what it draws, scores and lists is one distribution."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call

from lossbench.data.sequences import Sequences
from lossbench.errors import InputError
from lossbench.models.policy import DRAWN, LATE, PAIRED, WHOLE, Policy
from lossbench.models.saying import SaidAsBefore, SaidInSymbols
from lossbench.task import Inputs

SPACE = Sequences(3, 4)
ONE = Inputs("symbols", (SPACE.length,), vocabulary=SPACE.symbols)
INPUTS = Inputs(
    "preference",
    parts={"first": ONE, "second": ONE},
    reference=tuple(map(tuple, SPACE.steps().tolist())),
)
ALL = {"first": SPACE.all(), "second": SPACE.all().flip(0)}


def built(*outputs: str, moved: bool = True, seed: int = 0) -> SaidInSymbols:
    torch.manual_seed(seed)
    module = Policy(name="policy", hidden=5).asked({"outputs": outputs}).build(INPUTS, 1)
    assert isinstance(module, SaidInSymbols)
    if moved:  # away from the reference
        torch.nn.init.normal_(module.say.weight)
    return module


def test_it_begins_as_the_reference() -> None:
    module = built(moved=False).eval()
    torch.testing.assert_close(module(ALL)["policy"][0], SPACE.reference().float())


def test_what_it_lists_is_what_it_scores() -> None:
    module = built(*PAIRED)
    scored = module(ALL)
    listed = module.eval()(ALL)["policy"]
    assert listed.shape == (len(SPACE), len(SPACE))
    assert listed[0].exp().sum().item() == pytest.approx(1)
    torch.testing.assert_close(scored["first"], listed[0])
    torch.testing.assert_close(scored["second"], listed[0].flip(0))
    torch.testing.assert_close(scored["first_reference"], SPACE.reference().float())
    assert not torch.allclose(scored["first"], scored["first_reference"], atol=0.1)


def test_it_draws_by_what_it_lists() -> None:
    module, count = built(*DRAWN), 40_000
    uniform = torch.rand(count, SPACE.length, generator=torch.Generator().manual_seed(1))
    pair = {name: own[:1].expand(count, -1) for name, own in ALL.items()}
    drawn = module(pair, {"draw": uniform})
    listed = module.whole()[0]
    torch.testing.assert_close(drawn["log_probability"], listed[drawn["sequence"]])
    torch.testing.assert_close(drawn["log_reference"], SPACE.reference().float()[drawn["sequence"]])
    share = drawn["sequence"].bincount(minlength=len(SPACE)) / count
    spread = (listed.exp() * (1 - listed.exp()) / count).sqrt()
    assert ((share - listed.exp()).abs() < 4.5 * spread + 1e-4).all()


def test_it_draws_a_symbol_even_where_rounding_leaves_no_room() -> None:
    module = built(*DRAWN)
    pair = {name: own[:2] for name, own in ALL.items()}
    drawn = module(pair, {"draw": torch.tensor([[0.0], [1.0]]).expand(-1, SPACE.length)})
    assert drawn["sequence"].tolist() == [0, len(SPACE) - 1]


@pytest.mark.parametrize("outputs", [DRAWN, PAIRED, (*DRAWN, *WHOLE)], ids=["drawn", "paired", "whole"])
def test_it_stacks_and_gives_what_is_asked_for(outputs: tuple[str, ...]) -> None:
    modules = [built(*outputs, seed=seed) for seed in (0, 1)]
    states = [{**dict(one.named_parameters()), **dict(one.named_buffers())} for one in modules]
    stacked = {name: torch.stack([state[name] for state in states]) for name in states[0]}
    noise = {"draw": torch.rand(len(SPACE), SPACE.length)}
    found = torch.vmap(lambda own: functional_call(modules[0], own, (ALL, noise)))(stacked)
    assert set(found) == set(outputs)
    for number, module in enumerate(modules):
        for name, alone in module(ALL, noise).items():
            torch.testing.assert_close(found[name][number], alone)


def test_it_draws_as_it_was_until_so_many_batches_have_reused_it() -> None:
    asked = Policy(name="policy", hidden=5).asked({"outputs": (*DRAWN, *LATE), "reuse": 2})
    torch.manual_seed(0)
    module = asked.build(INPUTS, 1)
    assert isinstance(module, SaidAsBefore)
    noise = {"draw": torch.rand(len(SPACE), SPACE.length)}
    listed = []
    for step in range(4):
        torch.nn.init.normal_(module.policy.say.weight)
        listed.append(module.policy.whole()[0].detach())
        found = module(ALL, noise)
        torch.testing.assert_close(found["log_probability"], listed[step][found["sequence"]])
        torch.testing.assert_close(found["log_when_drawn"], listed[step - step % 2][found["sequence"]])
        assert found["log_probability"].requires_grad
        assert not found["log_when_drawn"].requires_grad
    assert not torch.allclose(listed[3], listed[2])


def test_it_draws_with_the_seeds_own_numbers_where_it_is_to_draw() -> None:
    policy = Policy(name="policy")
    assert policy.asked({"outputs": PAIRED}).noise(INPUTS) == {}
    (noise,) = policy.asked({"outputs": DRAWN}).noise(INPUTS).values()
    assert (noise.shape, noise.distribution) == ((SPACE.length,), "uniform")


def test_data_without_a_reference_is_refused() -> None:
    plain = Inputs("preference", parts=INPUTS.parts)
    with pytest.raises(InputError, match=r"begins as a reference, .* data=preferences"):
        Policy(name="policy").build(plain, 1)
