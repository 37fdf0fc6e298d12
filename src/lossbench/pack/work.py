"""A pack as it travels to where it trains, and what comes back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from lossbench.data.cache import DataCache
from lossbench.job import Member
from lossbench.pack.checkpoint import Checkpoint
from lossbench.pack.fate import MemberResult
from lossbench.pack.said import Curves, Trained


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
        send,
        work.checkpoint,
        keep_models=work.keep_models,
        on_curves=send,
    )


@functools.cache
def _cache_of_process() -> DataCache:
    return DataCache()
