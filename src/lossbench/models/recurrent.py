"""GRU and plain recurrent layers whose steps are one operation, for members alone and in a stack.

torch.func.vmap refuses those of torch.nn; by torch's decompositions a layer keeps ten numbers a state for
backward, and reading them again takes longer than computing them. Here it keeps the states, and the gates are
computed a second time. Measured on a core, 64 steps, batch 32, 64 numbers a state, ms an update of one of 24
GRUs: this in a stack 5.6, decompositions in a stack 7.5, nn.GRU in turns 12; of an LSTM in turns, for which
torch has a faster kernel, 5, so that there is none here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from torch import Tensor

_sigmoid_backward = torch.ops.aten.sigmoid_backward
_tanh_backward = torch.ops.aten.tanh_backward


class Steps(nn.Module):
    """A layer on steps (N, T, C), from a state of zeros on: every state (N, T, H).

    Equal to nn.GRU or nn.RNN with `batch_first`, also in its initial weights and their names.

    Args:
        cell: gru; or rnn, with tanh.
    """

    def __init__(self, cell: str, columns: int, hidden: int) -> None:
        super().__init__()
        self.cell = cell
        rows = CELLS[cell].gates * hidden
        self.weight_ih_l0 = nn.Parameter(torch.empty(rows, columns))
        self.weight_hh_l0 = nn.Parameter(torch.empty(rows, hidden))
        self.bias_ih_l0, self.bias_hh_l0 = (nn.Parameter(torch.empty(rows)) for _ in range(2))
        for weight in self.parameters():
            nn.init.uniform_(weight, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))

    def forward(self, steps: Tensor) -> Tensor:
        weights = (self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0)
        if steps.is_cuda and not torch._C._functorch.is_batchedtensor(self.weight_ih_l0):
            return self._at_once(steps, weights)
        of_one = (tensor.unsqueeze(0) for tensor in (steps.transpose(-3, -2), *weights))
        states: Tensor = _All.apply(self.cell, *of_one)[:, 1:]  # type: ignore[no-untyped-call]
        return states.squeeze(0).transpose(-3, -2)

    def _at_once(self, steps: Tensor, weights: tuple[Tensor, ...]) -> Tensor:
        """By the kernel that cuDNN has for one member, which orders its steps itself."""
        layer = torch.gru if self.cell == "gru" else torch.rnn_tanh
        first = steps.new_zeros(1, len(steps), self.weight_hh_l0.shape[1])
        found = layer(steps, first, weights, True, 1, 0.0, self.training, False, True)
        states: Tensor = found[0]
        return states


class _All(torch.autograd.Function):
    """All steps of R members: x (R, T, N, C), weights -> states, the zeros in front too (R, T + 1, N, H)."""

    @staticmethod
    def forward(name: str, x: Tensor, *weights: Tensor) -> Tensor:
        cell = CELLS[name](*weights)
        states = x.new_empty(*x.shape[:1], x.shape[1] + 1, x.shape[2], cell.size)
        states[:, 0] = 0
        each = states.unbind(1)
        for number, read in enumerate(x.unbind(1)):
            cell.step(read, each[number], each[number + 1])
        return states

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.name, *tensors = inputs
        ctx.save_for_backward(*tensors, output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_states: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights, states = ctx.saved_tensors
        cell = CELLS[ctx.name](*weights)
        return None, *_gradients(cell, x, states, of_states, ctx.needs_input_grad[1])

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], name: str, *tensors: Tensor) -> tuple[Tensor, int]:
        def members(tensor: Tensor, dim: int | None) -> Tensor:
            """(members, 1, ...) -> (members, ...)."""
            if dim is None:
                return tensor.expand(info.batch_size, *tensor.shape[1:])
            return tensor.movedim(dim, 0).squeeze(1)

        each = [members(tensor, dim) for tensor, dim in zip(tensors, dims[1:], strict=True)]
        found: Tensor = _All.apply(name, *each)  # type: ignore[no-untyped-call]
        return found.unsqueeze(1), 0


def _gradients(
    cell: Cell, x: Tensor, states: Tensor, of_states: Tensor, of_inputs: bool
) -> tuple[Tensor | None, ...]:
    """From those of all states to those of x, if they are asked for, and of the four weights."""
    remembers = cell.turned(cell.remembers)
    of_x = torch.empty(x.shape, dtype=x.dtype, device=x.device) if of_inputs else None
    of_weights = torch.zeros_like(cell.reads), torch.zeros_like(remembers)
    of_biases = torch.zeros_like(cell.reads_bias), torch.zeros_like(cell.remembers_bias)
    of_h = torch.zeros_like(states[:, 0])
    for number in reversed(range(x.shape[1])):
        of_h += of_states[:, number + 1]
        read, h = x[:, number], states[:, number]
        of_read, of_remembered, of_h = cell.gradient(read, h, states[:, number + 1], of_h)
        for weight, bias, of, by in zip(
            of_weights, of_biases, (of_read, of_remembered), (read, h), strict=True
        ):
            weight.baddbmm_(of.mT, by)
            bias += of.sum(1, keepdim=True)
        if of_x is not None:
            torch.bmm(of_read, cell.reads, out=of_x[:, number])
        of_h = of_h.baddbmm_(of_remembered, remembers)
    back = (cell.turned_back(weight) for weight in (of_weights[1], of_biases[1].mT))
    of_remembers, of_remembers_bias = back
    return of_x, of_weights[0], of_remembers, of_biases[0].flatten(1), of_remembers_bias.flatten(1)


class Cell:
    """A step of R members at once: x (R, N, C) is read, h (R, N, H) remembered.

    gates: rows of weights, in multiples of H, in torch's order.
    """

    gates: ClassVar[int]

    def __init__(self, reads: Tensor, remembers: Tensor, reads_bias: Tensor, remembers_bias: Tensor) -> None:
        self.size = remembers.shape[2]
        self.reads, self.remembers = reads, remembers
        self.reads_bias, self.remembers_bias = reads_bias.unsqueeze(1), remembers_bias.unsqueeze(1)

    def step(self, x: Tensor, h: Tensor, new: Tensor) -> None:
        """Write the next state into `new`."""
        raise NotImplementedError

    def gradient(self, x: Tensor, h: Tensor, new: Tensor, of_new: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the next state's, what comes to the products with x, with h (R, N, G), and to h past these."""
        raise NotImplementedError

    def turned(self, weight: Tensor) -> Tensor:
        """Rows (R, G, ...) that remember, in the order of their gradient."""
        return weight

    def turned_back(self, weight: Tensor) -> Tensor:
        """In torch's order again."""
        return weight


class Plain(Cell):
    """h' = tanh(W x + U h + b) (Elman, Cognitive Science 1990)."""

    gates = 1

    def step(self, x: Tensor, h: Tensor, new: Tensor) -> None:
        both = torch.baddbmm(self.reads_bias + self.remembers_bias, x, self.reads.mT)
        torch.tanh(both.baddbmm_(h, self.remembers.mT), out=new)

    def gradient(self, x: Tensor, h: Tensor, new: Tensor, of_new: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        of_both = _tanh_backward(of_new, new)
        return of_both, of_both, torch.zeros_like(of_new)


class GRU(Cell):
    """Cho and others, EMNLP 2014, in the form whose reset gate acts behind the product, as torch has it."""

    gates = 3

    def __init__(self, reads: Tensor, remembers: Tensor, reads_bias: Tensor, remembers_bias: Tensor) -> None:
        super().__init__(reads, remembers, reads_bias, remembers_bias)
        # The gate of what is new first, so that the gradients of both products lie in one piece each.
        self.by, self.bias = self.turned(remembers).mT, self.remembers_bias.roll(self.size, 2)

    def _gates(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Reset, update, what is new, and what of the last state it holds before it is reset."""
        size = self.size
        read = torch.baddbmm(self.reads_bias, x, self.reads.mT)
        remembered = torch.baddbmm(self.bias, h, self.by)
        read[..., : 2 * size].add_(remembered[..., size:]).sigmoid_()
        reset, update, what = read.chunk(3, -1)
        remembered = remembered[..., :size]
        return reset, update, what.addcmul_(reset, remembered).tanh_(), remembered

    def step(self, x: Tensor, h: Tensor, new: Tensor) -> None:
        _, update, what, _ = self._gates(x, h)
        torch.lerp(what, h, update, out=new)

    def gradient(self, x: Tensor, h: Tensor, new: Tensor, of_new: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        reset, update, what, remembered = self._gates(x, h)
        gates = x.new_empty(*x.shape[:2], 4 * self.size)
        of_remembered, of_reset, of_update, of_what = gates.chunk(4, -1)
        past = of_new * update
        _tanh_backward.grad_input(of_new - past, what, grad_input=of_what)
        torch.mul(of_what, reset, out=of_remembered)
        _sigmoid_backward.grad_input(of_what * remembered, reset, grad_input=of_reset)
        _sigmoid_backward.grad_input((h - what).mul_(of_new), update, grad_input=of_update)
        return gates[..., self.size :], gates[..., : 3 * self.size], past

    def turned(self, weight: Tensor) -> Tensor:
        return weight.roll(self.size, 1)

    def turned_back(self, weight: Tensor) -> Tensor:
        return weight.roll(-self.size, 1)


CELLS: dict[str, type[Cell]] = {"gru": GRU, "rnn": Plain}
