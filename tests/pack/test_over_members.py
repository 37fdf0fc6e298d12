"""A function of trees over all members at once is what `torch.vmap` makes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lossbench.pack import over_members as ours
from lossbench.pack.over_members import over_members
from lossbench.trees import Tree, leaves, mapped

X = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
PLACES = torch.arange(20).view(5, 4) % 3
FUNCTIONS: dict[str, Callable[..., Tree]] = {
    "one tensor": lambda x, y: x.mean(),
    "the same for all": lambda x, y: torch.ones(2),
    "several by name": lambda x, y: {"a": (x * 2, x.sum(0)), "b": {}, "c": y + 1},
    "an operation whose rule is Python": lambda x, y: torch.nn.functional.nll_loss(x.log_softmax(-1), y),
    "a view of what was given": lambda x, y: x[1:],
}


@pytest.fixture(params=["inner parts", "torch.vmap alone"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch.vmap alone":
        monkeypatch.setattr(ours, "_inner", lambda: None)
    else:
        assert ours._inner() is not None


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_it_is_what_each_member_gives(function: Callable[..., Tree]) -> None:
    found = over_members(function, X, PLACES)
    each = [function(x, y) for x, y in zip(X, PLACES, strict=True)]
    expected = mapped(lambda *own: torch.stack(own), *each)
    torch.testing.assert_close(found, expected)
    assert type(found) is type(each[0])


@pytest.mark.usefixtures("way")
def test_gradients_go_through_it() -> None:
    weights = {"weight": X[:, 0].clone().requires_grad_()}

    def squares(own: dict[str, Tensor], x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return (x @ own["weight"]).square().mean(), {}

    means, none = over_members(squares, weights, X)
    assert none == {}
    (found,) = torch.autograd.grad(means.sum(), weights["weight"])
    expected = torch.vmap(torch.func.grad(lambda own, x: squares({"weight": own}, x)[0]))(X[:, 0], X)
    torch.testing.assert_close(found, expected)


@pytest.mark.usefixtures("way")
def test_what_a_function_raises_leaves_nothing_behind() -> None:
    def raising(x: Tensor) -> Tensor:
        raise ZeroDivisionError

    def deciding(x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x

    with pytest.raises(ZeroDivisionError):
        over_members(raising, X)
    with pytest.raises(RuntimeError, match="vmap"):
        over_members(deciding, X)
    assert torch.equal(leaves(over_members(lambda x: x + 1, X))[0], X + 1)
    assert torch.equal(X + 1, torch.add(X, 1))


@pytest.mark.usefixtures("way")
def test_functions_may_be_nested() -> None:
    found = over_members(lambda x: over_members(lambda row: row.sum(), x), X)
    torch.testing.assert_close(found, X.sum(-1))


def test_random_numbers_are_refused_as_by_vmap() -> None:
    for way in (over_members, lambda function, x: torch.vmap(function)(x)):
        with pytest.raises(RuntimeError, match="random"):
            way(lambda x: x + torch.rand_like(x), X)
