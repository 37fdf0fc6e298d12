"""Updates of stacked parameters: torch.optim step for step, with a learning rate per member.

All parameters lie in one (members, numbers) matrix. torch.optim takes one learning rate per tensor, so it
can update the rows one by one; where rows are short its overhead is most of the time, and the same formulas
over the whole matrix take its place: a handful of operations, however many members and layers. Adam's are
one pass over memory, by torch's own fused kernel.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from lossbench.optimizer import SGD, Adagrad, Adam, AdamW, Optimizer
from lossbench.spare import WIDEST

# Numbers in a row from which torch's fused kernels win: one pass over memory that no cache holds. Measured
# on one core with Adam: rows of 5,000, 120 of them, 1.0 ms either way; of 650,000, 24 of them, 13 against 59.
_LONG_ROW = 50_000


def stacked_update(options: Sequence[Optimizer], parameters: Tensor) -> RowUpdate | MatrixUpdate:
    """The update for a matrix of parameters (R, P): by the length of a row, never by their number.

    On a GPU, which has the memory's pace and waits for orders, that of the whole matrix.
    """
    kind = RowUpdate if parameters.shape[1] >= _LONG_ROW and not parameters.is_cuda else MatrixUpdate
    return kind(options, parameters)


class RowUpdate:
    """torch.optim's own update with its fused kernels, row by row of (R, P) parameters."""

    def __init__(self, options: Sequence[Optimizer], parameters: Tensor) -> None:
        self.options = list(options)
        self.rows = [row.detach().requires_grad_() for row in parameters]
        self.optimizers = [
            torch_optimizer(option, [row], fused=True) for option, row in zip(options, self.rows, strict=True)
        ]

    def __call__(self, parameters: Tensor, gradients: Tensor, active: Tensor | None, factor: float) -> None:
        """As `MatrixUpdate`; of the matrix that this was made for."""
        members = range(len(self.rows)) if active is None else active.nonzero().flatten().tolist()
        for member in members:
            options, row = self.options[member], self.rows[member]
            row.grad = gradients[member]
            if options.clip is not None:
                torch.nn.utils.clip_grad_norm_([row], options.clip)
            self.optimizers[member].param_groups[0]["lr"] = options.lr * factor
            self.optimizers[member].step()
            row.grad = None

    def state_dict(self) -> dict[str, Any]:
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)


class MatrixUpdate:
    """SGD, Adam, AdamW or Adagrad over the rows of a matrix (R, P), which differ in rate and decay."""

    def __init__(self, options: Sequence[Optimizer], like: Tensor) -> None:
        self.options = options[0]
        self.rates = like.new_tensor([[o.lr] for o in options])
        self.decays = like.new_tensor([[o.weight_decay] for o in options])
        self.decaying = any(o.weight_decay > 0 for o in options)
        slots = 2 if isinstance(self.options, Adam) else 1
        start = self.options.initial_accumulator if isinstance(self.options, Adagrad) else 0.0
        self.steps = 0
        self._moves = None
        if isinstance(self.options, Adam) and _in_one_pass(like):
            self._moves = _AdamMoves(self.options, like)
            self.state = self._moves.state
        else:
            self.state = [torch.full_like(like, start) for _ in range(slots)]

    def __call__(self, parameters: Tensor, gradients: Tensor, active: Tensor | None, factor: float) -> None:
        """Change `parameters` (R, P) in place.

        Args:
            gradients: (R, P); may be overwritten.
            active: (R,) bool, the members to update; None is all.
            factor: of the learning rate, from the schedule.
        """
        if self.options.clip is not None:
            # As torch.nn.utils.clip_grad_norm_, for each member on its own.
            norms = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            gradients = gradients * (self.options.clip / (norms + 1e-6)).clamp(max=1.0)
        self.steps += 1
        change = self._change(parameters, gradients, factor)
        if active is not None:
            # `where`, not a product: the gradient of a frozen member may be nan.
            change = torch.where(active.unsqueeze(1), change, 0.0)
        parameters.sub_(change)

    def state_dict(self) -> dict[str, Any]:
        return {"slots": self.state, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for slot, values in zip(self.state, state["slots"], strict=True):
            slot.copy_(values)
        self.steps = state["steps"]

    def _change(self, parameters: Tensor, gradients: Tensor, factor: float) -> Tensor:
        rates = self.rates * factor
        if isinstance(self.options, AdamW):
            change = self._adam(gradients, rates)
            # The decay multiplies the parameters before Adam's step in torch.optim; the sum is the same.
            return change.add_(parameters * (rates * self.decays)) if self.decaying else change
        if self.decaying:
            gradients = gradients + self.decays * parameters
        if isinstance(self.options, Adam):
            return self._adam(gradients, rates)
        if isinstance(self.options, Adagrad):
            (square,) = self.state
            square.addcmul_(gradients, gradients)
            return gradients / square.sqrt().add_(self.options.epsilon) * rates
        if isinstance(self.options, SGD):
            return self._sgd(self.options, gradients) * rates
        raise TypeError(f"no stacked update for {type(self.options).__name__}")

    def _adam(self, gradients: Tensor, rates: Tensor) -> Tensor:
        if self._moves is not None:
            return self._moves(gradients, self.steps).mul_(rates)
        options = self.options
        assert isinstance(options, Adam)
        mean, square = self.state
        mean.lerp_(gradients, 1 - options.beta1)
        square.mul_(options.beta2).addcmul_(gradients, gradients, value=1 - options.beta2)
        correction1 = 1 - options.beta1**self.steps
        correction2 = 1 - options.beta2**self.steps
        denominator = square.sqrt().div_(math.sqrt(correction2)).add_(options.epsilon)
        return torch.div(mean, denominator, out=denominator).mul_(rates / correction1)

    def _sgd(self, options: SGD, gradients: Tensor) -> Tensor:
        if options.momentum == 0:
            return gradients
        (velocity,) = self.state
        # torch.optim.SGD starts the velocity at the first gradient, which 0 * momentum + gradient is too.
        velocity.mul_(options.momentum).add_(gradients)
        return gradients + options.momentum * velocity if options.nesterov else velocity


def _in_one_pass(like: Tensor) -> bool:
    """Whether Adam takes torch's fused kernel: measured on processors alone."""
    return like.device.type == "cpu"


class _AdamMoves:
    """What Adam subtracts at a rate of one, for all numbers of a matrix in one pass of torch's fused kernel.

    The last numbers of a tensor, which fill no vector of the processor, are computed by other code, and would
    round by where in a stack a member stands (see `lossbench.spare`): here they lie in a vector of their own.
    """

    def __init__(self, options: Adam, like: Tensor) -> None:
        self.options, self.shape = options, like.shape
        count = like.numel()
        self._whole = count - count % WIDEST
        self._rest = count - self._whole
        room = self._whole + (WIDEST if self._rest else 0)
        self.state = [like.new_zeros(room) for _ in range(2)]
        self._moves = like.new_empty(room)
        self._last = like.new_zeros(room - self._whole)  # of the gradients
        self._steps = [torch.zeros(()), torch.zeros(())]

    def __call__(self, gradients: Tensor, steps: int) -> Tensor:
        """Gradients (R, P) of this step, of `steps` in all -> (R, P), overwritten by the next call."""
        flat = gradients.reshape(-1)
        self._last[: self._rest] = flat[self._whole :]
        options, whole = self.options, self._whole
        parts = [flat[:whole], self._last]
        moves, mean, square = ([own[:whole], own[whole:]] for own in (self._moves.zero_(), *self.state))
        # At a rate of -1, zeros become what is to be subtracted.
        adam(
            moves, parts, mean, square, [], [step.fill_(steps - 1) for step in self._steps], fused=True,
            lr=-1.0, beta1=options.beta1, beta2=options.beta2, weight_decay=0.0, eps=options.epsilon,
            amsgrad=False, maximize=False,
        )  # fmt: skip
        return self._moves[: self._whole + self._rest].view(self.shape)


def torch_optimizer(
    options: Optimizer, parameters: Sequence[Tensor], *, fused: bool | None = None
) -> torch.optim.Optimizer:
    """The torch.optim optimizer of one member."""
    common: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay, "fused": fused}
    if isinstance(options, SGD):
        common |= {"momentum": options.momentum, "nesterov": options.nesterov}
        return _uncompiled(torch.optim.SGD)(parameters, **common)
    if isinstance(options, Adam):
        kind = torch.optim.AdamW if isinstance(options, AdamW) else torch.optim.Adam
        common |= {"betas": (options.beta1, options.beta2), "eps": options.epsilon}
        return _uncompiled(kind)(parameters, **common)
    if isinstance(options, Adagrad):
        common |= {"initial_accumulator_value": options.initial_accumulator, "eps": options.epsilon}
        return _uncompiled(torch.optim.Adagrad)(parameters, **common)
    raise TypeError(f"no torch optimizer for {type(options).__name__}")


@functools.cache
def _uncompiled(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """A class of torch.optim without what keeps its methods out of torch's compiler.

    That imports the compiler, which takes 1.1 s in each process and is used by nothing here.
    """
    kept_out = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in kept_out}
    return type(kind.__name__, (kind,), plain | {"step": torch.no_grad()(inspect.unwrap(kind.step))})
