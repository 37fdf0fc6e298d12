"""What the pack asks of the two ways to train its members: stacked, or in turns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lossbench.job import Member
from lossbench.models.head import Headed
from lossbench.seeds import stream
from lossbench.task import Inputs
from lossbench.trees import Tree

# What tells one evaluation from another, alone as in company: the split, the epoch, and the first example.
Moment = tuple[str | int, ...]
# The arguments of a module: its inputs, and the noise that it wants.
Read = tuple[Tree, ...]


class Objective(Protocol):
    """The losses of one batch. A loss that raises is reported to the pack and becomes nan."""

    def all(self, outputs: Tree) -> Tensor:
        """The mean loss of every member: (R, B, ...), with `Engine.spare` members more -> (R,)."""

    def one(self, member: int, output: Tree) -> Tensor:
        """The mean loss of one member: (B, ...) -> ()."""


class Engine(ABC):
    """Holds the weights of R members and changes them.

    Members are numbered 0 .. R-1. A member that is not active keeps its weights; whatever became of it,
    the others train as if it were not there.
    """

    def spare(self, examples: int) -> int:
        """How many copies of the last member it wants behind what it reads of so many examples."""
        return 0

    @abstractmethod
    def step(
        self, read: Read, objective: Objective, active: Tensor | None, factor: float, step: int
    ) -> Tensor:
        """One update of all active members.

        Args:
            read: what the modules are called with, each tensor (R, B, ...), with `spare` members more.
            objective: from outputs to each member's loss.
            active: (R,) bool; None is all.
            factor: the schedule's factor on every learning rate.
            step: number of updates before this one; it selects the masks of dropout.

        Returns:
            (R,) losses before the update, detached. Where a loss is not finite nothing was updated.
        """

    @abstractmethod
    def outputs(self, read: Read, moment: Moment) -> Tree:
        """Evaluate what modules are called with, with `spare` members more: (R, N, ...), maybe by name."""

    @abstractmethod
    def keep(self, improved: Tensor) -> None:
        """Remember the current weights of these members (R,) bool as their best."""

    @abstractmethod
    def use_best(self) -> None:
        """Return every member to its best weights."""

    @abstractmethod
    def finite(self) -> Tensor:
        """(R,) bool: all weights of the member are finite."""

    @abstractmethod
    def weights(self, member: int) -> dict[str, Tensor]:
        """The member's current weights, by their names in its own module."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that the next step depends on, in tensors and plain values; may share the engine's memory."""

    @abstractmethod
    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same members."""


def build_modules(members: Sequence[Member], inputs: Inputs) -> list[nn.Module]:
    """One freshly initialised module per distinct seed; members with one seed get the same object.

    Initial weights come from torch's global generator, since that is where nn.Module takes them; it is
    seeded for the member and put back afterwards.
    """
    built: dict[int, nn.Module] = {}
    for member in members:
        if member.seed not in built:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(stream(member.seed, "weights"))
                built[member.seed] = _build(member, inputs)
    return [built[member.seed] for member in members]


def _build(member: Member, inputs: Inputs) -> nn.Module:
    if not member.headed:
        return member.model.build(inputs, member.outputs)
    net = member.model.build(inputs, member.model.embedding_size)
    return Headed(net, nn.Linear(member.model.embedding_size, member.outputs))
