"""Recurrent layers of users in a stack: the same numbers as the whole layers, and turns where that fails."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lossbench.pack import recurrence
from lossbench.pack.recurrence import decomposed

LAYERS: list[tuple[type[nn.RNNBase], dict[str, Any]]] = [
    (nn.GRU, {}),
    (nn.GRU, {"num_layers": 2, "bidirectional": True}),
    (nn.LSTM, {}),
    (nn.LSTM, {"num_layers": 2, "bidirectional": True, "bias": False}),
    (nn.LSTM, {"proj_size": 3}),
    (nn.RNN, {"nonlinearity": "tanh", "batch_first": False}),
    (nn.RNN, {"nonlinearity": "relu", "num_layers": 2}),
]


@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_a_stack_computes_what_each_layer_computes_alone(
    kind: type[nn.RNNBase], options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    layers = [kind(2, 5, **{"batch_first": True, **options}) for _ in range(3)]
    inputs = torch.randn(3, 4, 6, 2)
    stacked = {
        name: torch.stack(
            [dict(layer.named_parameters())[name].detach() for layer in layers]
        ).requires_grad_()
        for name, _ in layers[0].named_parameters()
    }

    def one(weights: dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        output, last = torch.func.functional_call(layers[0], weights, (batch,))
        return output.square().sum() + sum(part.sum() for part in (last if kind is nn.LSTM else (last,)))

    with decomposed(layers[0]):
        values = torch.vmap(one)(stacked, inputs)
    gradients = torch.autograd.grad(values.sum(), list(stacked.values()))
    for member, layer in enumerate(layers):
        alone = one(dict(layer.named_parameters()), inputs[member])
        assert float(values[member].detach()) == pytest.approx(float(alone.detach()), rel=1e-5)
        expected = torch.autograd.grad(alone, list(layer.parameters()))
        for got, wanted in zip(gradients, expected, strict=True):
            torch.testing.assert_close(got[member], wanted, rtol=1e-4, atol=1e-5)


def test_without_the_private_names_the_layers_are_refused_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.GRU(2, 3, batch_first=True)
    state = {name: torch.stack([value, value]) for name, value in layer.state_dict().items()}

    def output(weights: dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        with decomposed(layer):
            found: torch.Tensor = torch.func.functional_call(layer, weights, (batch,))[0]
        return found

    inputs = torch.randn(2, 4, 6, 2)
    assert torch.vmap(output)(state, inputs).shape == (2, 4, 6, 3)
    monkeypatch.setattr(recurrence, "_decompositions", dict)
    with pytest.raises(RuntimeError, match="gru"):
        torch.vmap(output)(state, inputs)


def test_packed_sequences_are_left_to_the_layer() -> None:
    layer = nn.GRU(2, 3)
    packed = nn.utils.rnn.pack_sequence([torch.randn(4, 2), torch.randn(2, 2)])
    with decomposed(layer):
        inside = layer(packed)[1]
    assert torch.equal(inside, layer(packed)[1])
