"""Members in turn inside the same fit: for what does not stack, and where turns are faster."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lossbench.job import Member
from lossbench.models.dropout import advance
from lossbench.pack.draws import Draws
from lossbench.pack.engine import Engine, Moment, Read
from lossbench.pack.objective import BatchLosses
from lossbench.pack.update import torch_optimizer
from lossbench.seeds import stream
from lossbench.trees import Tree, mapped, part


class TurnsEngine(Engine):
    """R modules, each with an optimizer of its own, and with random numbers of its own (`pack.draws`)."""

    def __init__(self, members: Sequence[Member], modules: Sequence[nn.Module], lane: Tensor) -> None:
        device = lane.device
        self.lane: list[int] = lane.tolist()
        self.options = [member.optimizer for member in members]
        # Convolutions on a CPU are faster in this layout; it changes no result's meaning.
        self.layout = torch.channels_last if convolves_images(modules[0]) else torch.preserve_format
        self.modules = [copy.deepcopy(m).to(device).to(memory_format=self.layout) for m in modules]  # type: ignore[call-overload]
        self.optimizers = [
            torch_optimizer(options, list(module.parameters()))
            for options, module in zip(self.options, self.modules, strict=True)
        ]
        self.seeds = [torch.tensor([stream(m.seed, "dropout")], device=device) for m in members]
        self.best = [_state(module) for module in self.modules]
        self.draws = Draws([m.seed for m in members], device)

    def step(
        self, read: Read, objective: BatchLosses, active: Tensor | None, factor: float, step: int
    ) -> Tensor:
        losses = torch.full((len(self.modules),), float("nan"), device=self.seeds[0].device)
        turns = range(len(self.modules)) if active is None else active.nonzero().flatten().tolist()
        for turn in turns:
            with self.draws.turn(turn):
                losses[turn] = self._turn(turn, part(read, self.lane[turn]), objective, factor, step)
        return losses

    def _turn(self, turn: int, read: Read, objective: BatchLosses, factor: float, step: int) -> Tensor:
        module, options, optimizer = self.modules[turn].train(), self.options[turn], self.optimizers[turn]
        advance(dict(module.named_buffers()), self.seeds[turn], step)
        loss = objective.one(turn, self._output(turn, read))
        if bool(loss.isfinite()):
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if options.clip is not None:
                torch.nn.utils.clip_grad_norm_(module.parameters(), options.clip)
            optimizer.param_groups[0]["lr"] = options.lr * factor
            optimizer.step()
        return loss.detach()

    def _output(self, turn: int, read: Read) -> Tree:
        def laid_out(tensor: Tensor) -> Tensor:
            return tensor.contiguous(memory_format=self.layout) if tensor.dim() == 4 else tensor

        return self.modules[turn](*mapped(laid_out, read))

    @torch.no_grad()
    def outputs(self, read: Read, moment: Moment, *, apart: bool = False) -> Tree:
        found = []
        for turn, module in enumerate(self.modules):
            module.eval()
            with self.draws.evaluation(turn, moment):
                found.append(self._output(turn, part(read, turn if apart else self.lane[turn])))
        return mapped(lambda *tensors: torch.stack(tensors), *found)

    def keep(self, improved: Tensor) -> None:
        for turn in improved.nonzero().flatten().tolist():
            self.best[turn] = _state(self.modules[turn])

    def use_best(self) -> None:
        for module, state in zip(self.modules, self.best, strict=True):
            module.load_state_dict(state)

    def finite(self) -> Tensor:
        return torch.tensor(
            [all(bool(p.isfinite().all()) for p in module.parameters()) for module in self.modules]
        )

    def weights(self, member: int) -> dict[str, Tensor]:
        return _state(self.modules[member])

    def state(self) -> dict[str, Any]:
        return {
            "modules": [_everything(module) for module in self.modules],
            "best": self.best,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "draws": self.draws.state(),
        }

    @torch.no_grad()
    def load(self, state: dict[str, Any]) -> None:
        for module, values in zip(self.modules, state["modules"], strict=True):
            for name, tensor in _everything(module).items():
                tensor.copy_(values[name])
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        self.best = state["best"]
        self.draws.load(state["draws"])


def convolves_images(module: nn.Module) -> bool:
    """Whether a module has convolutions for which there is the faster layout, which knows four dimensions."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return any(isinstance(layer, kinds) for layer in module.modules()) and all(
        tensor.dim() < 5 for tensor in _everything(module).values()
    )


def _everything(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, those included that a module does not save."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
