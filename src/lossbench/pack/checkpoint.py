"""The checkpoints of long packs: where they lie, and which packs go on from them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.engines.process import Process, this_process
from lossbench.errors import first_line

if TYPE_CHECKING:
    from lossbench.job import Job

FOLDER = "lossbench-checkpoints"
_SUFFIX, _PARTIAL = ".ckpt", ".partial"
KEYS = "lossbench_keys"

# A process of another machine cannot be asked; it writes a checkpoint within this time.
_FOREIGN_SECONDS = 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of one pack.

    every: epochs after which it is written; None is after each minute of training, 0 writes none, and goes
        on from one that is there.
    """

    path: Path  # which need not exist
    keys: tuple[str, ...]  # of the pack's runs, in the order of the pack
    every: int | None = 0
    done: int = 0  # epochs, where it was read

    def partial(self) -> Path:
        """Where this process writes it until it is whole: two sweeps may train the same pack."""
        return self.path.with_name(f"{self.path.stem},{str(this_process()).replace(':', ',')}{_PARTIAL}")

    def forget(self) -> None:
        """The pack is finished."""
        self.path.unlink(missing_ok=True)
        _remove_if_empty(self.path.parent)


class Checkpoints:
    """The checkpoints in one folder.

    A file's name is a hash of all that its numbers depend on: the keys of the runs, in order, how they train,
    where, and the release of torch.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unreadable: set[Path] = set()  # for now: they are neither used nor replaced

    def of(self, keys: Sequence[str], mode: str, gpu: bool, every: int | None = 0) -> Checkpoint:
        """The checkpoint of a pack of these runs, whether or not it exists."""
        import torch

        text = json.dumps([list(keys), mode, gpu, torch.__version__])
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        return Checkpoint(self.folder / (name + _SUFFIX), tuple(keys), every)

    def for_jobs(self, jobs: Sequence[Job], mode: str, gpu: bool) -> Checkpoint | None:
        """The checkpoint that a pack of these jobs writes or goes on from; None where it does neither."""
        asked = [job.config["pack"]["checkpoint_every"] for job in jobs]
        every = min((int(interval) for interval in asked if interval), default=None if None in asked else 0)
        checkpoint = self.of([job.key for job in jobs], mode, gpu, every)
        if checkpoint.path in self._unreadable:
            return None
        return checkpoint if every != 0 or checkpoint.path.exists() else None

    def begun(self, jobs: Sequence[Job], mode: str, gpu: bool) -> tuple[list[list[Job]], list[Job]]:
        """The packs of these jobs that go on from a checkpoint, and the jobs that are in none of them.

        Packs are found as they were, since what has finished meanwhile changes how the rest would be cut.
        """
        left = {job.key: job for job in jobs}
        packs = []
        for one in sorted(self._all(), key=lambda one: (-one.done, one.path.name)):
            # Two may hold the same run, where two sweeps were cut differently: the one that is further wins.
            if left.keys() >= set(one.keys) and self.of(one.keys, mode, gpu).path == one.path:
                packs.append([left.pop(key) for key in one.keys])
                log.info("%d runs go on after epoch %d", len(one.keys), one.done)
        return packs, list(left.values())

    def forget(self, keys: Collection[str]) -> None:
        """Remove every checkpoint that holds one of these runs: they are finished, or wanted afresh.

        With them goes what a process has left that died while it wrote one.
        """
        for path in self.folder.glob("*" + _PARTIAL):
            with contextlib.suppress(OSError):
                if not _writer_lives(path):
                    path.unlink()
        for one in self._all() if keys else ():
            if not set(keys).isdisjoint(one.keys):
                one.forget()
        _remove_if_empty(self.folder)

    def _all(self) -> list[Checkpoint]:
        return [one for path in sorted(self.folder.glob("*" + _SUFFIX)) if (one := self._read(path))]

    def _read(self, path: Path) -> Checkpoint | None:
        """What a file says of itself; None where it cannot be read, and the file removed if it is damaged."""
        import torch

        if path in self._unreadable:
            return None
        try:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return Checkpoint(path, tuple(content[KEYS]), done=int(content["epoch"]) + 1)
        except FileNotFoundError:  # another sweep has just finished it
            return None
        except Exception as error:  # a damaged file may raise anything
            reason = first_line(error)
            if _may_pass(path, error):
                self._unreadable.add(path)
                log.warning("%s cannot be read now (%s); its pack starts anew.", path, reason)
            else:
                log.warning("%s is no readable checkpoint (%s); its pack starts anew.", path, reason)
                path.unlink(missing_ok=True)
            return None


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is not there, or others are still in it
        folder.rmdir()


def _writer_lives(path: Path) -> bool:
    """Whether the process that writes a partial checkpoint, as its name says, may still complete it."""
    owner = Process.parse(":".join(path.stem.split(",")[1:]))
    return owner is not None and owner.lives(path.stat().st_mtime, _FOREIGN_SECONDS)


def _may_pass(path: Path, error: Exception) -> bool:
    """Whether the machine failed and not the file: a disk, or memory (of which torch raises RuntimeError)."""
    if not isinstance(error, RuntimeError):
        return isinstance(error, (OSError, MemoryError))
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except zipfile.BadZipFile:
        return False
    except OSError:
        return True
