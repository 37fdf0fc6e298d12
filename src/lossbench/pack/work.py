"""A pack as it travels to where it trains, and what comes back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lossbench.data.cache import DataCache
from lossbench.job import Member
from lossbench.pack.checkpoint import Checkpoint
from lossbench.pack.fate import MemberResult


@dataclass(frozen=True)
class Work:
    """What a process needs to train a pack."""

    keys: tuple[str, ...]  # of its runs
    members: tuple[Member, ...]
    mode: str
    checkpoint: Checkpoint | None
    keep_models: bool
    afresh: str = ""  # told apart by it from the same work before, whose results are not wanted

    @property
    def identity(self) -> tuple[object, ...]:
        """What another process knows the same work by."""
        return (self.keys, self.mode, self.keep_models, self.afresh)


@dataclass(frozen=True)
class Trained:
    """What a pack says after each epoch: so many members are still training."""

    members: int


@dataclass(frozen=True)
class Curves:
    """The epochs of a pack since it last told of them.

    first:  the number of the first of these epochs, from 1
    values: curve -> epochs -> one value for each member; nan where it has none
    """

    first: int
    values: Mapping[str, list[list[float]]]

    def of(self, member: int) -> dict[str, list[tuple[int, float]]]:
        """One member's points of each curve, as (epoch, value)."""
        return {
            name: [
                (epoch, own[member])
                for epoch, own in enumerate(epochs, self.first)
                if own[member] == own[member]
            ]
            for name, epochs in self.values.items()
        }


def fit_pack(
    work: Work, send: Callable[[Trained | Curves], None], cache: DataCache | None = None
) -> list[MemberResult]:
    """Train a pack, in whichever process."""
    # Lightning takes seconds to import, and a process whose workers train needs none of it.
    from lossbench.pack.fit import fit

    return fit(
        work.members,
        work.mode,
        cache or _cache_of_process(),
        lambda members: send(Trained(members)),
        work.checkpoint,
        keep_models=work.keep_models,
        on_curves=send,
    )


@functools.cache
def _cache_of_process() -> DataCache:
    return DataCache()
