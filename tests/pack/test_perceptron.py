"""Members that are linear layers with ReLU between them are computed at once, each to the bit as alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from lossbench.models.dropout import Dropout, advance
from lossbench.models.layers import perceptron as built
from lossbench.pack import perceptron as layered
from lossbench.pack.perceptron import Layer, Perceptron, Stack, perceptron_of

pytestmark = pytest.mark.usefixtures("one_thread")

MEMBERS = 9
MODULES = {
    "one layer": nn.Linear(7, 3),
    "one output": nn.Sequential(nn.Flatten(), nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 1)),
    "without bias": nn.Sequential(nn.Linear(7, 5, bias=False), nn.ReLU(), nn.Linear(5, 5)),
    "dropout": built(nn.Sequential(nn.Flatten(), nn.Linear(7, 16)), [16, 8], 4, 0.4),
    "wide": built(nn.Linear(7, 130), [130, 70], 10, 0.0),
}


def drawn(module: nn.Module, batch: int) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """A batch, weights and keys for each member."""
    draw = torch.Generator().manual_seed(batch)
    x = torch.randn(MEMBERS, batch, 7, generator=draw)
    weights = {n: torch.randn(MEMBERS, *p.shape, generator=draw) for n, p in module.named_parameters()}
    buffers = {n: b.expand(MEMBERS, *b.shape).clone() for n, b in module.named_buffers()}
    advance(buffers, torch.arange(MEMBERS), step=3)
    return x, weights, buffers


def trained(
    module: nn.Module, x: Tensor, weights: dict[str, Tensor], buffers: dict[str, Tensor]
) -> list[Tensor]:
    """Outputs, and gradients of something that is not linear in them."""
    perceptron = perceptron_of(module)
    assert perceptron is not None
    stack = Stack(perceptron, weights)
    outputs, kept = stack.forward(x, torch.arange(len(x)), buffers)
    gradients = {name: torch.empty_like(weight) for name, weight in weights.items()}
    (own,) = torch.autograd.grad(outputs.requires_grad_().square().mean((1, 2)).sum(), outputs)
    stack.backward(own, kept, gradients)
    return [outputs.detach(), *gradients.values()]


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
@pytest.mark.parametrize("batch", [1, 2, 17, 64])
class TestMembers:
    def test_are_those_of_the_module(self, module: nn.Module, batch: int) -> None:
        x, weights, buffers = drawn(module, batch)
        found = trained(module, x, weights, buffers)
        for member in range(MEMBERS):
            own = {name: weight[member].clone().requires_grad_() for name, weight in weights.items()}
            keys = {name: key[member] for name, key in buffers.items()}
            expected = functional_call(module, (own, keys), (x[member],))
            gradients = torch.autograd.grad(expected.square().mean(), list(own.values()))
            for one, other in zip(found, (expected, *gradients), strict=True):
                torch.testing.assert_close(one[member], other, rtol=1e-4, atol=1e-5)

    def test_are_to_the_bit_what_they_are_in_other_company(self, module: nn.Module, batch: int) -> None:
        x, weights, buffers = drawn(module, batch)
        found = trained(module, x, weights, buffers)
        for chosen in ([0, 1], [8, 3], [3, 8, 5], list(reversed(range(MEMBERS)))):
            part = [{name: own[chosen] for name, own in given.items()} for given in (weights, buffers)]
            company = trained(module, x[chosen], *part)
            # Of the last, a copy that is never trained, nothing is asked.
            for one, other in zip(found, company, strict=True):
                assert torch.equal(one[chosen[:-1]], other[:-1])

    def test_are_to_the_bit_what_they_are_in_blocks_of_any_size(
        self, module: nn.Module, batch: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        x, weights, buffers = drawn(module, batch)
        found = trained(module, x, weights, buffers)
        for cache in (1, 10_000_000):  # blocks of two or three, and all members at once
            monkeypatch.setattr(layered, "_CACHE", cache)
            other = trained(module, x, weights, buffers)
            assert all(map(torch.equal, found, other))


def test_members_of_a_lane_read_one_batch() -> None:
    module = MODULES["one output"]
    x, weights, buffers = drawn(module, 16)
    lane = torch.tensor([0, 1, 1, 0, 2, 2, 0, 1, 2])
    perceptron = perceptron_of(module)
    assert perceptron is not None
    stack, each = Stack(perceptron, weights), torch.arange(MEMBERS)
    assert torch.equal(stack.outputs(x[:3], lane), stack.outputs(x[lane], each))
    outputs, kept = stack.forward(x[:3], lane, buffers)
    own, copied = ({name: torch.empty_like(w) for name, w in weights.items()} for _ in range(2))
    stack.backward(outputs, kept, own)
    stack.backward(outputs, stack.forward(x[lane], each, buffers)[1], copied)
    assert all(torch.equal(own[name], copied[name]) for name in weights)


def test_dropout_is_for_training_alone() -> None:
    module = MODULES["dropout"]
    x, weights, _ = drawn(module, 8)
    perceptron = perceptron_of(module)
    assert perceptron is not None
    found = Stack(perceptron, weights).outputs(x, torch.arange(len(x)))
    for member in range(MEMBERS):
        own = {name: weight[member] for name, weight in weights.items()}
        expected = functional_call(module.eval(), own, (x[member],))
        torch.testing.assert_close(found[member], expected, rtol=1e-4, atol=1e-5)
    module.train()


class TestModules:
    def test_are_known_with_the_names_of_their_parameters(self) -> None:
        module = built(nn.Sequential(nn.Flatten(), nn.Linear(7, 5)), [5], 2, 0.25)
        layers = (Layer("0.1.", True, True, ("2.key", 0.25)), Layer("3.", True))
        assert perceptron_of(module) == Perceptron(layers, flattens=True)

    def test_read_a_row_for_each_example_alone(self) -> None:
        """Layers without flattening are used at every step of a sequence by whoever wrote them."""
        row, steps = torch.zeros(3, 8, 7), torch.zeros(3, 8, 4, 7)
        plain = perceptron_of(nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 2)))
        flattening = perceptron_of(nn.Sequential(nn.Flatten(), nn.Linear(28, 2)))
        assert plain is not None
        assert flattening is not None
        assert plain.reads((row,))
        assert not plain.reads((steps,))
        assert flattening.reads((steps,))
        assert not plain.reads((row, row))
        assert not flattening.reads(({"one": row},))

    @pytest.mark.parametrize(
        "module",
        [
            nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 2)),
            nn.Sequential(nn.ReLU(), nn.Linear(7, 2)),
            nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 2)),
            nn.Sequential(nn.Linear(7, 5), nn.ReLU()),
            nn.Sequential(nn.Linear(7, 5), Dropout(0.5), nn.Linear(5, 2)),
            nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Flatten(), nn.Linear(5, 2)),
            nn.Sequential(*[nn.Linear(7, 7), nn.ReLU()] * 2),
            nn.Sequential(nn.Flatten(0, 1), nn.Linear(7, 2)),
            nn.Sequential(nn.Conv1d(1, 1, 3), nn.Flatten(), nn.Linear(5, 2)),
            nn.Sequential(nn.Flatten()),
            nn.Sequential(),
        ],
        ids=str,
    )
    def test_of_other_kinds_are_left_to_vmap(self, module: nn.Module) -> None:
        assert perceptron_of(module) is None

    def test_whose_layers_share_weights_are_left_to_vmap(self) -> None:
        module = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5))
        module[2].weight = module[0].weight
        assert perceptron_of(module) is None

    def test_with_hooks_are_left_to_vmap(self) -> None:
        module = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 2))
        module[0].register_forward_hook(lambda *_: None)
        assert perceptron_of(module) is None
