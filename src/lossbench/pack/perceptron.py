"""Members that are linear layers with ReLU between them: computed layer by layer, all of them at once.

`torch.func.vmap` of the module makes the same products, but adds each bias in a pass of its own, keeps what
ReLU was given beside what it gave, transposes the gradients of weights, and reads the module again in every
step.

What is computed for a member takes the same path through the BLAS library however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from lossbench.models.dropout import Dropout, kept

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_BEHIND = {nn.Linear: (nn.ReLU,), nn.ReLU: (nn.Linear, Dropout), Dropout: (nn.Linear,)}


@dataclass(frozen=True)
class Layer:
    """A linear layer: the prefix of its parameters' names, whether it has a bias, and what comes behind it.

    dropout: the name of the key of a dropout behind ReLU, and its rate.
    """

    prefix: str
    bias: bool
    relu: bool = False
    dropout: tuple[str, float] | None = None


@dataclass(frozen=True)
class Perceptron:
    """Linear layers with ReLU between them; `flattens`: they read an example of any shape as one row."""

    layers: tuple[Layer, ...]
    flattens: bool

    def reads(self, given: tuple[Any, ...]) -> bool:
        """Whether these arguments, (R, B, ...) for each member, are a row of numbers for each example."""
        alone = len(given) == 1 and isinstance(given[0], Tensor)
        return alone and (self.flattens or given[0].dim() == 3)


def perceptron_of(module: nn.Module) -> Perceptron | None:
    """What a module is; None where it is something else."""
    parts = list(_parts("", module))
    if any(getattr(part, name) for part in module.modules() for name in _HOOKS):
        return None
    first = parts[0][1] if parts else module
    flattens = type(first) is nn.Flatten and (first.start_dim, first.end_dim) == (1, -1)
    parts = parts[flattens:]
    layers: list[Layer] = []
    allowed: tuple[type[nn.Module], ...] = (nn.Linear,)
    for prefix, part in parts:
        if type(part) not in allowed:
            return None
        if isinstance(part, nn.Linear):
            layers.append(Layer(prefix, part.bias is not None))
        elif isinstance(part, Dropout):
            layers[-1] = replace(layers[-1], dropout=(f"{prefix}key", part.rate))
        else:
            layers[-1] = replace(layers[-1], relu=True)
        allowed = _BEHIND[type(part)]
    own = [f"{layer.prefix}{name}" for layer in layers for name in ("weight", "bias")[: 1 + layer.bias]]
    if not layers or layers[-1].relu or own != [name for name, _ in module.named_parameters()]:
        return None  # the last is told of weights that two layers share
    return Perceptron(tuple(layers), flattens)


def _parts(prefix: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers of nested sequences in order, with the prefixes of their parameters."""
    parts = list(module.named_children())
    if type(module) is not nn.Sequential or len(parts) < len(module):  # one of which stands there twice
        yield prefix, module
        return
    for name, part in parts:
        yield from _parts(f"{prefix}{name}.", part)


def outputs_of(
    x: Tensor,
    layers: Sequence[Layer],
    parameters: Mapping[str, Tensor],
    buffers: Mapping[str, Tensor],
    *,
    training: bool,
) -> Tensor:
    """x (R, B, ...), a batch for each member; parameters and buffers (R, ...) by name -> (R, B, outputs)."""
    masks: list[tuple[Tensor, float] | None] = [
        (buffers[layer.dropout[0]], layer.dropout[1]) if layer.dropout and training else None
        for layer in layers
    ]
    given = [
        parameters[f"{layer.prefix}{name}"]
        for layer in layers
        for name in (("weight", "bias") if layer.bias else ("weight",))
    ]
    found: Tensor = _Layers.apply(x.flatten(2), layers, masks, *given)  # type: ignore[no-untyped-call]
    return found


class _Layers(torch.autograd.Function):
    """All layers; x has no gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, layers: Sequence[Layer], keys: Sequence[Any], *parameters: Tensor
    ) -> Tensor:
        given = iter(parameters)
        read: list[Tensor] = []  # by each layer
        masks: list[Tensor | None] = []
        weights: list[Tensor] = []
        for layer, key in zip(layers, keys, strict=True):
            weights.append(next(given))
            read.append(x)
            transposed = weights[-1].mT
            x = torch.baddbmm(next(given).unsqueeze(1), x, transposed) if layer.bias else x @ transposed
            if layer.relu:
                x.relu_()
            masks.append(_mask(x, *key) if key else None)
            if (mask := masks[-1]) is not None:
                x.mul_(mask)
        ctx.save_for_backward(*read, *weights)
        ctx.layers, ctx.masks = layers, masks
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        count = len(ctx.layers)
        read, weights = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        found: list[Tensor] = []  # from the last parameter to the first
        (own,) = gradients
        for place in reversed(range(count)):
            if ctx.layers[place].bias:
                found.append(own.sum(1))
            found.append(_of_weights(own, read[place]))
            if place:
                own = torch.bmm(own, weights[place])
                if (mask := ctx.masks[place - 1]) is not None:
                    own.mul_(mask)
                # What ReLU gave is zero where its gradient is, and where dropout has made it so.
                torch.ops.aten.threshold_backward.grad_input(own, read[place], 0, grad_input=own)
        return None, None, None, *reversed(found)


def _of_weights(own: Tensor, read: Tensor) -> Tensor:
    """The gradients (R, outputs, inputs) of weights: own (R, B, outputs), read (R, B, inputs)."""
    if read.shape[2] < own.shape[2]:  # few columns take long: 121 of 64 x 10 .81 ms, of 10 x 64 .18
        return torch.bmm(read.mT, own).mT
    return torch.bmm(own.mT, read)


def _mask(like: Tensor, keys: Tensor, rate: float) -> Tensor:
    """What dropout multiplies with, for each member by its key."""
    found: Tensor = torch.vmap(lambda key, own: kept(key, own, rate))(keys, like)
    return found
