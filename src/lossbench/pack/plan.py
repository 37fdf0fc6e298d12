"""How a sweep trains: which runs share a pack, and whether a pack is stacked or trains in turns."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from lossbench.config import Job, Member
from lossbench.data.module import DataCache
from lossbench.data.source import DataSet, Description
from lossbench.models.dropout import Dropout
from lossbench.pack.engine import build_modules
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.grouping import group_into_packs
from lossbench.pack.turns import draws_globally, has_convolutions

log = logging.getLogger(__name__)

# Members in turn gain nothing from company, so their packs are small: work spreads evenly over processes,
# and a process that dies takes few with it.
_TURNS_AT_MOST = 4


@dataclass(frozen=True)
class Work:
    """What a process needs to train a pack."""

    number: int
    members: tuple[Member, ...]
    mode: str


@dataclass(frozen=True)
class PlannedPack:
    """A pack about to train.

    description: of its first member's data.
    because: why it is stacked or not, in words.
    """

    number: int
    jobs: tuple[Job, ...]
    mode: str
    because: str
    description: Description

    @property
    def epochs(self) -> int:
        """At most so many for each member."""
        return self.jobs[0].member.trainer.max_epochs

    @property
    def work(self) -> Work:
        return Work(self.number, tuple(job.member for job in self.jobs), self.mode)


def plan(jobs: Sequence[Job], processes: int, max_members: int) -> tuple[list[PlannedPack], DataCache]:
    """Packs of a sweep, and the data that was loaded to see what they are.

    Raises:
        InputError: the data of a pack cannot be loaded.
    """
    cache = DataCache()
    packs: list[PlannedPack] = []
    for positions in group_into_packs(jobs, max_members):
        members = [jobs[position] for position in positions]
        first = members[0].member
        data = cache.load(first.source, first.seed, first.reads)
        mode, because = choose_mode(first, data, members[0].mode)
        if mode == "loop" and members[0].mode == "vmap":
            log.warning("pack.mode=vmap falls back to loop for %s: %s", members[0].name, because)
        for part in [members] if mode == "vmap" else _parts(members, processes):
            packs.append(PlannedPack(len(packs), tuple(part), mode, because, data.description))
    return packs, cache


def _parts(members: list[Job], processes: int) -> list[list[Job]]:
    size = max(1, min(_TURNS_AT_MOST, len(members) // (2 * processes)))
    return [members[start : start + size] for start in range(0, len(members), size)]


def fit_pack(
    work: Work, send: Callable[[tuple[int, int]], None], cache: DataCache | None = None
) -> list[MemberResult]:
    """Train a pack, in whichever process; `send` is told (number of the pack, members) after each epoch."""
    return fit(work.members, work.mode, cache, lambda members: send((work.number, members)))


def choose_mode(member: Member, data: DataSet, wanted: str) -> tuple[str, str]:
    """`vmap` or `loop`, and why, in words for the log.

    The choice does not depend on the number of members: a run alone then has the arithmetic, and the
    numbers, of the same run in a pack.

    Measured on two cores: a stack of small dense models trains 8 to 20 times as fast as its members in turn;
    convolutions train faster in turn on a CPU. On a GPU everything that stacks is stacked.
    """
    if wanted == "loop":
        return "loop", "it was asked for"
    module = build_modules([member], data.description.inputs)[0]
    obstacle = cannot_stack(member, module, data)
    if obstacle is not None:
        return "loop", obstacle
    if wanted == "vmap":
        return "vmap", "it was asked for"
    if has_convolutions(module) and not torch.cuda.is_available():
        return "loop", "convolutions train faster in turns on a CPU"
    return "vmap", "its members stack"


def cannot_stack(member: Member, module: nn.Module, data: DataSet) -> str | None:
    """Why this member and its like do not stack, or None."""
    if not member.loss.stackable:
        return f"loss {member.loss.name} does not stack"
    for name, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._NormBase) and part.track_running_stats:
            return f"the batch statistics of {name} ({type(part).__name__}) do not stack"
    if draws_globally(module):
        return f"nn.Dropout draws from a global generator; {Dropout.__module__}.Dropout stacks"
    return _refused_by_vmap(module, data)


def _refused_by_vmap(module: nn.Module, data: DataSet) -> str | None:
    inputs = data.inputs[data.train.rows[:2]].unsqueeze(0)
    state = {name: value.unsqueeze(0) for name, value in module.state_dict().items()}
    try:
        torch.vmap(lambda s, x: torch.func.functional_call(module, s, (x,)))(state, inputs)
    except Exception as error:
        return f"torch.func.vmap refuses the model ({type(error).__name__}: {str(error).splitlines()[0]})"
    return None
