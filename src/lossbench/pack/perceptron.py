"""Members that are linear layers with ReLU between them: computed layer by layer, block by block of members.

`torch.func.vmap` of the module makes the same products, but adds each bias in a pass of its own, keeps what
ReLU was given beside what it gave, transposes the gradients of weights, and reads the module again in every
step. And where all members take a layer before any takes the next, what it gives has left the processor's
cache by then: so they go through all layers in blocks that a cache holds.

What is computed for a member takes the same path through the BLAS library in a block of any size from two on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from lossbench.models.dropout import Dropout, kept
from lossbench.pack.over_members import over_members

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# Bytes that members of a block read and write on their way. Measured on one core with a cache of 1 MiB of its
# own, 120 of 10-64-64-1, batches of 64: of a pack's 3.2 s .3 saved with 2 to 4 million, .1 with one.
_CACHE = 3_000_000
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
        """Whether these arguments, batches (L, B, ...), are a row of numbers for each example."""
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


@dataclass(frozen=True)
class _Block:
    """Some members: their rows, and by layer weights (n, outputs, inputs) and biases (n, 1, outputs)."""

    rows: slice
    weights: list[Tensor]
    transposed: list[Tensor]
    biases: list[Tensor | None]


@dataclass(frozen=True)
class Kept:
    """What a backward reads of its forward: batches (L, B, inputs), and which of them each member reads (R,).

    hidden: by layer but the last what it gave, (R, B, width); masks: what dropout multiplied it with.
    """

    x: Tensor
    row: Tensor
    hidden: list[Tensor]
    masks: list[Tensor | None]


class Stack:
    """Members side by side, two or more; parameters (R, ...) by name are read where they lie."""

    def __init__(self, perceptron: Perceptron, parameters: Mapping[str, Tensor]) -> None:
        self.reads, self.layers = perceptron.reads, perceptron.layers
        self._weights = [parameters[f"{layer.prefix}weight"].detach() for layer in self.layers]
        self._biases = [
            parameters[f"{layer.prefix}bias"].detach() if layer.bias else None for layer in self.layers
        ]
        self.count = len(self._weights[0])
        self._blocks: dict[int, list[_Block]] = {}

    @torch.no_grad()
    def outputs(self, x: Tensor, row: Tensor) -> Tensor:
        """In evaluation: batches (L, B, ...), and which of them each member reads (R,) -> (R, B, outputs)."""
        x = x.flatten(2)
        found, before = self._empty(x, -1), len(self.layers) - 1
        self._compute(x, row, [*[None] * before, found], [None] * (before + 1))
        return found

    @torch.no_grad()
    def forward(self, x: Tensor, row: Tensor, buffers: Mapping[str, Tensor]) -> tuple[Tensor, Kept]:
        """In training: as `outputs`, and what `backward` reads; buffers hold the keys (R,) of dropout."""
        x = x.flatten(2)
        given = [self._empty(x, place) for place in range(len(self.layers))]
        masks = [
            _mask(like, buffers[layer.dropout[0]], layer.dropout[1]) if layer.dropout else None
            for like, layer in zip(given, self.layers, strict=True)
        ]
        self._compute(x, row, given, masks)
        return given[-1], Kept(x, row, given[:-1], masks)

    def _compute(
        self, x: Tensor, row: Tensor, given: Sequence[Tensor | None], masks: Sequence[Tensor | None]
    ) -> None:
        """Through all layers: what each gives is written to `given`, where that has room for it."""
        for block in self._of_batch(x.shape[1]):
            own = x.index_select(0, row[block.rows])
            for place, (whole, mask) in enumerate(zip(given, masks, strict=True)):
                own = self._layer(block, place, own, None if whole is None else whole[block.rows])
                if mask is not None:
                    own.mul_(mask[block.rows])

    @torch.no_grad()
    def backward(self, gradients: Tensor, kept: Kept, found: Mapping[str, Tensor]) -> None:
        """From gradients (R, B, outputs) of what `forward` gave, those of parameters: written to `found`."""
        weights = [found[f"{layer.prefix}weight"] for layer in self.layers]
        for block in self._of_batch(kept.x.shape[1]):
            rows, own = block.rows, gradients[block.rows]
            for place in reversed(range(len(self.layers))):
                below = kept.hidden[place - 1][rows] if place else kept.x.index_select(0, kept.row[rows])
                if self.layers[place].bias:
                    torch.sum(own, 1, out=found[f"{self.layers[place].prefix}bias"][rows])
                _of_weights(own, below, weights[place][rows])
                if place:
                    # Of one output a product has no sums, and takes a third of the time this way.
                    weight = block.weights[place]
                    own = own * weight if own.shape[2] == 1 else torch.bmm(own, weight)
                    if (mask := kept.masks[place - 1]) is not None:
                        own.mul_(mask[rows])
                    # What ReLU gave is zero where its gradient is, and where dropout has made it so.
                    torch.ops.aten.threshold_backward.grad_input(own, below, 0, grad_input=own)

    def _empty(self, x: Tensor, place: int) -> Tensor:
        """Room for what a layer gives."""
        return x.new_empty(self.count, x.shape[1], self._weights[place].shape[1])

    def _layer(self, block: _Block, place: int, read: Tensor, found: Tensor | None) -> Tensor:
        weight, bias = block.transposed[place], block.biases[place]
        if bias is None:
            own = torch.bmm(read, weight, out=found)
        else:
            own = torch.baddbmm(bias, read, weight, out=found)
        return own.relu_() if self.layers[place].relu else own

    def _of_batch(self, batch: int) -> list[_Block]:
        """Blocks of members that a cache holds with so many examples each; none of them alone."""
        if batch not in self._blocks:
            numbers = sum(own[0].numel() + batch * sum(own.shape[1:]) for own in self._weights)
            most = max(2, _CACHE // (numbers * self._weights[0].element_size()))
            parts = torch.arange(self.count).tensor_split(max(1, self.count // most))
            self._blocks[batch] = [self._block(slice(int(own[0]), int(own[-1]) + 1)) for own in parts]
        return self._blocks[batch]

    def _block(self, rows: slice) -> _Block:
        weights = [own[rows] for own in self._weights]
        biases = [None if own is None else own[rows].unsqueeze(1) for own in self._biases]
        return _Block(rows, weights, [own.mT for own in weights], biases)


def _of_weights(own: Tensor, read: Tensor, found: Tensor) -> None:
    """The gradients (n, outputs, inputs) of weights: own (n, B, outputs), read (n, B, inputs)."""
    if read.shape[2] < own.shape[2]:  # few columns take long: 121 of 64 x 10 .81 ms, of 10 x 64 .18
        found.mT.copy_(torch.bmm(read.mT, own))
    else:
        found.copy_(torch.bmm(own.mT, read))


def _mask(like: Tensor, keys: Tensor, rate: float) -> Tensor:
    """What dropout multiplies with, for each member by its key."""
    found: Tensor = over_members(lambda key, own: kept(key, own, rate), keys, like)
    return found
