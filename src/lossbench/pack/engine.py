"""What the pack asks of the two ways to train its members: stacked, or in turns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lossbench.job import Member
from lossbench.models.head import Compared, Headed, Matched
from lossbench.pack.embedded import layer_on
from lossbench.pack.objective import BatchLosses
from lossbench.seeds import stream
from lossbench.task import Inputs, OwnPast
from lossbench.trees import Tree

# What tells one evaluation from another, alone as in company: the split, the epoch, and the first example.
Moment = tuple[str | int, ...]
# The arguments of a module: its inputs, and the noise that it wants.
Read = tuple[Tree, ...]


class Engine(ABC):
    """Holds the weights of R members and changes them; made of members, modules and `lane` (R,).

    A member that is not active keeps its weights; whatever became of it, the others train on without it.
    """

    @abstractmethod
    def step(
        self, read: Read, objective: BatchLosses, active: Tensor | None, factor: float, step: int
    ) -> Tensor:
        """One update of all active members.

        Args:
            read: what the modules of each lane are called with, each tensor (L, B, ...).
            objective: from outputs to each member's loss; one that raises is nan, and the pack is told.
            active: (R,) bool; None is all.
            factor: the schedule's factor on every learning rate.
            step: number of updates before this one; it selects the masks of dropout.

        Returns:
            (R,) losses before the update, detached. Where a loss is not finite nothing was updated.
        """

    @abstractmethod
    def outputs(self, read: Read, moment: Moment, *, apart: bool = False) -> Tree:
        """Evaluate what the modules of each lane are called with: (R, N, ...), maybe by name.

        Args:
            apart: every member reads a row of its own, so each tensor is (R, N, ...).
        """

    @abstractmethod
    def keep(self, improved: Tensor) -> None:
        """Remember the current weights of these members (R,) bool as their best."""

    @abstractmethod
    def use_best(self) -> None:
        """Return every member to its best weights; it trains no more."""

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


def build_modules(members: Sequence[Member], inputs: Inputs | Sequence[Inputs]) -> list[nn.Module]:
    """One freshly initialised module per distinct seed; members with one seed get the same object.

    Args:
        inputs: what all read, or of each; they differ in `Inputs.past` at most, and so do modules of a seed.

    Initial weights come from torch's global generator, since that is where nn.Module takes them; it is
    seeded for the member and put back afterwards. It alone: `torch.manual_seed` remembers a seed, and a
    traceback, for each kind of GPU that is not in use yet, .4 ms for each module.
    """
    each = [inputs] * len(members) if isinstance(inputs, Inputs) else inputs
    keys = [(member.seed, own.past) for member, own in zip(members, each, strict=True)]
    built: dict[tuple[int, OwnPast | None], nn.Module] = {}
    for member, own, key in zip(members, each, keys, strict=True):
        if key not in built:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(stream(member.seed, "weights"))
                built[key] = _built(member, own)
    return [built[key] for key in keys]


def _built(member: Member, inputs: Inputs) -> nn.Module:
    """The module of a member, with the layer that stands on its embeddings."""
    on = layer_on(member)
    width = member.outputs if on is None else member.model.embedding_size
    net = member.model.build(inputs, width)
    if on == "class":
        return Headed(net, nn.Linear(width, member.outputs))
    if on == "pair":
        return Compared(net, nn.Linear(3 * width, member.outputs))
    return net if on is None else Matched(net, width)
