"""Members side by side: stacked parameters, one forward, one backward and one update for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lossbench.job import Member
from lossbench.models.dropout import advance
from lossbench.pack.engine import Engine, Moment, Objective, Read
from lossbench.pack.recurrence import decomposed
from lossbench.pack.update import stacked_update
from lossbench.seeds import stream
from lossbench.spare import spare, with_spare
from lossbench.trees import Tree, leaves, mapped, part


class StackedEngine(Engine):
    """R members as the rows of one matrix of parameters.

    Behind the last of them stand copies of it that are carried through every step and never trained
    (`lossbench.spare`): a member then has the same numbers, to the bit, alone and in company.

    Args:
        members: who trains; their modules have one structure.
        modules: the initial weights of each.
        device: where to train.
    """

    def __init__(self, members: Sequence[Member], modules: Sequence[nn.Module], device: torch.device) -> None:
        self.module = modules[0]
        self.count = len(members)
        modules = [*modules, modules[-1]]
        seeds = [stream(m.seed, "dropout") for m in (*members, members[-1])]
        self.seeds = torch.tensor(seeds, device=device)
        rows = [torch.cat([p.detach().reshape(-1) for p in m.parameters()]) for m in modules]
        self.matrix = torch.stack(rows).to(device)
        self.best = self.matrix[: self.count].clone()
        # Leaves that share the matrix' memory: gradients come per layer, updates go to the whole matrix.
        self.parameters = {
            name: columns.detach().requires_grad_() for name, columns in self._split(self.matrix).items()
        }
        states = [dict(m.named_buffers()) for m in modules]
        self.buffers = {name: torch.stack([state[name] for state in states]).to(device) for name in states[0]}
        self.update = stacked_update([m.optimizer for m in members], self.matrix[: self.count])

    def _split(self, matrix: Tensor) -> dict[str, Tensor]:
        named = dict(self.module.named_parameters())
        parts = torch.split(matrix, [p.numel() for p in named.values()], dim=1)
        return {
            name: columns.view(len(matrix), *p.shape)
            for (name, p), columns in zip(named.items(), parts, strict=True)
        }

    def _forward(self, read: Read) -> Tree:
        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], arguments: Read) -> Tree:
            return functional_call(self.module, (parameters, buffers), arguments)

        more = len(leaves(read)[0]) - self.count - 1
        state = (self.parameters, self.buffers)
        if more:  # a batch so short that one copy does not fill a vector
            state = mapped(lambda tensor: with_spare(tensor, more), state)
        with decomposed(self.module):
            return torch.vmap(one)(*state, read)

    def spare(self, examples: int) -> int:
        return spare(examples)

    def step(
        self, read: Read, objective: Objective, active: Tensor | None, factor: float, step: int
    ) -> Tensor:
        self.module.train()
        advance(self.buffers, self.seeds, step)
        losses = objective.all(self._forward(read))  # of the members, without their spare
        if not losses.requires_grad:  # every member's loss raised
            return losses
        # Of weights that its forward does not use, as a module of others may have, the gradient is zero.
        weights = list(self.parameters.values())
        gradients = torch.autograd.grad(losses.sum(), weights, allow_unused=True, materialize_grads=True)
        losses = losses.detach()
        finite = losses.isfinite()
        if not bool(finite.all()):
            active = finite if active is None else active & finite
        with torch.no_grad():
            flat = torch.cat([g.reshape(len(g), -1) for g in gradients], dim=1)
            self.update(self.matrix[: self.count], flat[: self.count], active, factor)
        return losses

    @torch.no_grad()
    def outputs(self, read: Read, moment: Moment) -> Tree:
        self.module.eval()
        return part(self._forward(read), slice(self.count))

    def keep(self, improved: Tensor) -> None:
        self.best = torch.where(improved.unsqueeze(1), self.matrix[: self.count], self.best)

    def use_best(self) -> None:
        self.matrix[: self.count] = self.best

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
