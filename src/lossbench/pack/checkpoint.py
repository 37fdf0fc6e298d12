"""The checkpoints of long packs: where they lie, and which packs go on from them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from lossbench.config import Job

FOLDER = "lossbench-checkpoints"
_SUFFIX = ".ckpt"
KEYS = "lossbench_keys"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of one pack.

    path: its file, which need not exist.
    keys: of the pack's runs, in the order of the pack.
    every: epochs after which it is written; 0 writes none, and goes on from one that is there.
    """

    path: Path
    keys: tuple[str, ...]
    every: int = 0

    def forget(self) -> None:
        """The pack is finished."""
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


@dataclass(frozen=True)
class Unfinished:
    """A checkpoint that an interrupted pack has left; `epoch` epochs are done."""

    path: Path
    keys: tuple[str, ...]
    epoch: int


class Checkpoints:
    """The checkpoints in one folder.

    A file's name is a hash of all that its numbers depend on: the keys of the runs, in order, how they train,
    where, and the release of torch.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, keys: Sequence[str], mode: str, gpu: bool, every: int = 0) -> Checkpoint:
        """The checkpoint of a pack of these runs, whether or not it exists."""
        text = json.dumps([list(keys), mode, gpu, torch.__version__])
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        return Checkpoint(self.folder / (name + _SUFFIX), tuple(keys), every)

    def for_jobs(self, jobs: Sequence[Job], mode: str, gpu: bool) -> Checkpoint | None:
        """The checkpoint that a pack of these jobs writes or goes on from; None where it does neither."""
        intervals = [int(job.config["pack"]["checkpoint_every"]) for job in jobs]
        every = min((interval for interval in intervals if interval), default=0)
        checkpoint = self.of([job.key for job in jobs], mode, gpu, every)
        return checkpoint if every or checkpoint.path.exists() else None

    def begun(self, jobs: Sequence[Job], mode: str, gpu: bool) -> tuple[list[list[Job]], list[Job]]:
        """The packs of these jobs that go on from a checkpoint, and the jobs that are in none of them.

        Packs are found as they were, since what has finished meanwhile changes how the rest would be cut.
        """
        left = {job.key: job for job in jobs}
        packs = []
        for one in sorted(self._all(), key=lambda one: (-one.epoch, one.path.name)):
            # Two may hold the same run, where two sweeps were cut differently: the one that is further wins.
            if left.keys() >= set(one.keys) and self.of(one.keys, mode, gpu).path == one.path:
                packs.append([left.pop(key) for key in one.keys])
                log.info("%d runs go on after epoch %d", len(one.keys), one.epoch)
        return packs, list(left.values())

    def forget(self, keys: Collection[str]) -> None:
        """Remove every checkpoint that holds one of these runs: they are finished, or wanted afresh."""
        for one in self._all():
            if not set(keys).isdisjoint(one.keys):
                Checkpoint(one.path, one.keys).forget()

    def _all(self) -> list[Unfinished]:
        return [one for path in sorted(self.folder.glob("*" + _SUFFIX)) if (one := _read(path))]


def _read(path: Path) -> Unfinished | None:
    """What a file says of itself; None, and the file removed, where it cannot be read."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return Unfinished(path, tuple(content[KEYS]), int(content["epoch"]) + 1)
    except FileNotFoundError:  # another sweep has just finished it
        return None
    except Exception as error:  # a damaged file may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        log.warning("%s is no readable checkpoint (%s); its pack starts anew.", path, reason)
        path.unlink(missing_ok=True)
        return None
