"""Members side by side: stacked parameters, one forward, one backward and one update for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lossbench.job import Member
from lossbench.models.dropout import advance
from lossbench.pack.engine import Engine, Moment, Read
from lossbench.pack.objective import BatchLosses
from lossbench.pack.over_members import over_members
from lossbench.pack.perceptron import Stack, perceptron_of
from lossbench.pack.recurrence import decomposed
from lossbench.pack.replay import Replay
from lossbench.pack.shared_linear import Blocks, one_linear, outputs_of
from lossbench.pack.update import stacked_update
from lossbench.seeds import stream
from lossbench.spare import spare, with_spare
from lossbench.trees import Tree, leaves, mapped, part

# Bytes of inputs that members have side by side.
_AT_ONCE = 16_000_000


class StackedEngine(Engine):
    """R members as the rows of one matrix of parameters.

    Behind the last of them stand copies of it that are carried through every step and never trained
    (`lossbench.spare`): a member then has the same numbers, to the bit, alone and in company.

    Each member has a copy of what it reads, so a wide stack is computed slice by slice.
    """

    def __init__(self, members: Sequence[Member], modules: Sequence[nn.Module], lane: Tensor) -> None:
        device = lane.device
        self.module = modules[0]
        self._shapes = {name: parameter.shape for name, parameter in self.module.named_parameters()}
        self.count = len(members)
        self.lane = with_spare(lane, 1)
        modules = [*modules, modules[-1]]
        seeds = [stream(m.seed, "dropout") for m in (*members, members[-1])]
        self.seeds = torch.tensor(seeds, device=device)
        rows = [torch.cat([p.detach().reshape(-1) for p in m.parameters()]) for m in modules]
        self.matrix = torch.stack(rows).to(device)
        self.best = self.matrix[: self.count].clone()
        self._parameters: dict[tuple[int, int], dict[str, Tensor]] = {}
        self._linear = one_linear(self.module)
        # Measured on processors alone; on a GPU steps are recorded, and wait for no module.
        found = perceptron_of(self.module) if device.type == "cpu" else None
        several = self.matrix[: max(2, self.count)]  # a spare one for a member that is alone
        self._perceptron = Stack(found, self._split(several)) if found else None
        self._blocks: dict[tuple[int, int, bool], Blocks] = {}
        states = [dict(m.named_buffers()) for m in modules]
        self.buffers = {name: torch.stack([state[name] for state in states]).to(device) for name in states[0]}
        self.update = stacked_update([m.optimizer for m in members], self.matrix[: self.count])
        self._replay = Replay(device)

    def _split(self, matrix: Tensor) -> dict[str, Tensor]:
        parts = torch.split(matrix, [shape.numel() for shape in self._shapes.values()], dim=1)
        return {
            name: columns.view(len(matrix), *shape)
            for (name, shape), columns in zip(self._shapes.items(), parts, strict=True)
        }

    def _slices(self, read: Read) -> list[slice]:
        """Members that are computed side by side, where they read such tensors (L, B, ...)."""
        size = sum(tensor[0].nbytes for tensor in leaves(read))
        if self._linear:  # which copies no input for a member
            size = leaves(read)[0].shape[1] * self._linear[1].out_features * 4
        most = max(1, _AT_ONCE // size)
        width = -(-self.count // -(-self.count // most))
        starts = range(0, self.count, width)
        return [slice(start, min(start + width, self.count)) for start in starts]

    def _of_rows(self, rows: slice) -> dict[str, Tensor]:
        """Leaves that share the matrix' memory: gradients come per layer, updates go to the whole matrix."""
        key = (rows.start, rows.stop)
        if key not in self._parameters:
            parts = self._split(self.matrix[rows]).items()
            self._parameters[key] = {name: part.detach().requires_grad_() for name, part in parts}
        return self._parameters[key]

    def _reads(self, apart: bool) -> Tensor:
        """Which row of what is read is that of each member (R + 1,), its lane's or its own."""
        return with_spare(torch.arange(self.count, device=self.lane.device), 1) if apart else self.lane

    def _forward(self, members: slice, read: Read, *, apart: bool = False) -> Tree:
        """Outputs of these members, and of others as their spare."""
        if self._linear:
            return self._of_linear(members, read, apart=apart)

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], arguments: Read) -> Tree:
            return functional_call(self.module, (parameters, buffers), arguments)

        rows = slice(members.start, members.stop + 1)
        more = spare(leaves(read)[0].shape[1]) - 1
        state = (self._of_rows(rows), part(self.buffers, rows), self._reads(apart)[rows])
        if more:  # a batch so short that one copy does not fill a vector
            state = mapped(lambda tensor: with_spare(tensor, more), state)
        parameters, buffers, row = state
        # Whole rows are copied at once, which takes less time than an index on each number.
        own = mapped(lambda tensor: tensor.index_select(0, row), read)
        with decomposed(self.module):
            # A convolution lays members side by side, where sums would round by how many there are.
            return mapped(Tensor.contiguous, over_members(one, parameters, buffers, own))

    def _of_linear(self, members: slice, read: Read, *, apart: bool) -> Tensor:
        """`_forward` of members that are one linear layer."""
        assert self._linear is not None, "asked for of no other members"
        prefix, layer = self._linear
        rows = slice(members.start, members.stop + 1)
        key = (rows.start, rows.stop, apart)
        if key not in self._blocks:
            lanes = self._reads(apart)[rows].tolist()
            self._blocks[key] = Blocks.of(lanes, layer.out_features, self.lane.device)
        parameters = self._of_rows(rows)
        bias = parameters.get(f"{prefix}bias")
        found = outputs_of(leaves(read)[0], parameters[f"{prefix}weight"], bias, self._blocks[key])
        return with_spare(found, spare(found.shape[1]) - 1)

    def step(
        self, read: Read, objective: BatchLosses, active: Tensor | None, factor: float, step: int
    ) -> Tensor:
        self.module.train()
        advance(self.buffers, self.seeds, step)
        given = (read, objective.batch.targets)
        losses, gradients, objective.parts = self._replay(
            "train",
            given,
            lambda: self._computed(read, objective),
            lambda own: self._computed(own[0], objective.strictly(replace(objective.batch, targets=own[1]))),
        )
        if not objective.as_planned:  # its loss may be computed in another way in each step
            self._replay.stop()
        finite = losses.isfinite()
        if losses.is_cuda or not bool(finite.all()):  # a GPU is not waited for to learn that all go on
            active = finite if active is None else active & finite
        with torch.no_grad():
            self.update(self.matrix[: self.count], gradients[: self.count], active, factor)
        return cast(Tensor, losses)

    def _computed(self, read: Read, objective: BatchLosses) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Losses (R,) of a batch, their gradients (R + 1, P), the last of them garbage, and their parts."""
        gradients = torch.empty_like(self.matrix)
        if self._perceptron and self._perceptron.reads(read):
            losses = self._of_perceptrons(self._perceptron, read, objective, gradients)
            return losses, gradients, objective.parts
        parts = [self._backward(members, read, objective, gradients) for members in self._slices(read)]
        return torch.cat(parts), gradients, objective.parts

    def _of_perceptrons(self, stack: Stack, read: Read, objective: BatchLosses, gradients: Tensor) -> Tensor:
        """`_backward` of all members at once, which go through their layers block by block."""
        rows = slice(stack.count)
        outputs, kept = stack.forward(leaves(read)[0], self.lane[rows], part(self.buffers, rows))
        more = self.count + spare(outputs.shape[1]) - stack.count
        losses, own = objective.with_gradients(with_spare(outputs, more), slice(0, self.count))
        stack.backward(own[rows], kept, self._split(gradients[rows]))
        return losses

    def _backward(self, members: slice, read: Read, objective: BatchLosses, gradients: Tensor) -> Tensor:
        """The losses of these members (n,); their gradients go into the rows of (R + 1, P)."""
        losses = objective.all(self._forward(members, read), members)  # without their spare
        rows = slice(members.start, members.stop + 1)  # of which the last is garbage
        if not losses.requires_grad:  # every member's loss raised
            gradients[rows] = 0
            return losses
        # Of weights that its forward does not use, as a module of others may have, the gradient is zero.
        weights = list(self._of_rows(rows).values())
        found = torch.autograd.grad(losses.sum(), weights, allow_unused=True, materialize_grads=True)
        for place, gradient in zip(self._split(gradients[rows]).values(), found, strict=True):
            place.copy_(gradient)  # once: that of a matrix of weights lies transposed
        return losses.detach()

    @torch.no_grad()
    def outputs(self, read: Read, moment: Moment, *, apart: bool = False) -> Tree:
        self.module.eval()
        found = self._replay(
            ("evaluate", apart),
            read,
            lambda: self._evaluated(read, apart),
            lambda own: self._evaluated(own, apart),
        )
        return mapped(Tensor.clone, found) if self.matrix.is_cuda else found

    def _evaluated(self, read: Read, apart: bool) -> Tree:
        if self._perceptron and self._perceptron.reads(read):
            row = self._reads(apart)[: self._perceptron.count]
            return self._perceptron.outputs(leaves(read)[0], row)[: self.count]
        parts = [
            part(self._forward(members, read, apart=apart), slice(members.stop - members.start))
            for members in self._slices(read)
        ]
        return parts[0] if len(parts) == 1 else mapped(lambda *tensors: torch.cat(tensors), *parts)

    def keep(self, improved: Tensor) -> None:
        self.best = torch.where(improved.unsqueeze(1), self.matrix[: self.count], self.best)

    def use_best(self) -> None:
        self.matrix[: self.count] = self.best
        del self.best, self.update
        self._replay = Replay(self.matrix.device)  # without the memory of training

    def finite(self) -> Tensor:
        return self.matrix[: self.count].isfinite().all(dim=1)

    def weights(self, member: int) -> dict[str, Tensor]:
        parts = self._split(self.matrix) | self.buffers
        return {name: parts[name][member].clone() for name in self.module.state_dict()}

    def state(self) -> dict[str, Any]:
        return {
            "matrix": self.matrix,
            "best": self.best,
            "buffers": self.buffers,
            "update": self.update.state_dict(),
        }

    @torch.no_grad()
    def load(self, state: dict[str, Any]) -> None:
        self.matrix.copy_(state["matrix"])  # in place: the parameters are views of it
        self.best = state["best"].to(self.matrix.device)
        for name, buffer in self.buffers.items():
            buffer.copy_(state["buffers"][name])
        self.update.load_state_dict(state["update"])
