"""The files of items that were handed to Slurm together: what their jobs tell, and who waits for it.

They lie on the disk that all nodes share and outlive their parent, so that the next one can go on with them.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossbench.engines.parcel import Parcel
from lossbench.engines.process import Process, this_process

# A parent of another machine cannot be asked; it gives a sign of life far more often than this.
_FOREIGN_SECONDS = 120.0


@dataclass(frozen=True)
class Task:
    """What a job does; submitit calls it, and asks for its checkpoint when the time limit is near."""

    parcel: Parcel
    said: Path  # what it has said: pickled one by one, () for the start and (message,)
    result: Path  # pickled, there as a whole or not at all
    gpus: bool  # it has asked for some

    def __call__(self) -> None:
        # Slurm takes the node: there is no result, and a job that is queued again goes on from its pack's
        # checkpoint. Lightning would make an error of it, which would count as a result.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
        if not self.gpus:  # a job that has asked for none sees all where Slurm does not fence them off
            os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
        with self.said.open("ab", buffering=0) as file:

            def say(*message: Any) -> None:
                file.write(pickle.dumps(message))

            say()
            result = self.parcel.work(say)
        _write(self.result, result)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # all is said: submitit would write a second result, into a folder that may be gone

    def checkpoint(self) -> Any:
        """What submitit queues again: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True)
class Batch:
    """Items and their jobs, by name, in a folder of their own."""

    folder: Path
    items: dict[str, Any] = field(default_factory=dict, compare=False)
    jobs: dict[str, str] = field(default_factory=dict, compare=False)  # Slurm's numbers
    settled: set[str] = field(default_factory=set, compare=False)  # taken by this process, or given up
    lost: set[str] = field(default_factory=set, compare=False)  # of those, jobs whose logs may tell why

    @staticmethod
    def new(folder: Path, items: dict[str, Any]) -> Batch:
        """A batch of this process, without jobs yet."""
        batch = Batch(folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}", items)
        (batch.folder / "told").mkdir(parents=True)
        (batch.folder / "owner").write_text(str(this_process()))
        return batch

    @staticmethod
    def left(folder: Path) -> Iterator[Batch]:
        """The batches in a folder whose parents have died."""
        for path in sorted(folder.glob("*/jobs")):
            with suppress(OSError, EOFError):
                batch, file = Batch(path.parent, *pickle.loads(path.read_bytes())), path.with_name("owner")
                owner, seen = Process.parse(file.read_text()), file.stat().st_mtime
                if owner is None or owner == this_process() or not owner.lives(seen, _FOREIGN_SECONDS):
                    yield batch

    def submitted(self, jobs: dict[str, str]) -> None:
        """Write down which jobs there are, at once, for whoever comes after."""
        self.jobs.update(jobs)
        _write(self.folder / "jobs", (self.items, self.jobs))

    def claim(self) -> bool:
        """Wait for it from now on; False where another process was quicker."""
        owner = self.folder / "owner"
        mine = owner.with_suffix(f".{uuid.uuid4().hex}")
        try:
            owner.rename(mine)  # which only one can
        except FileNotFoundError:
            return False
        mine.write_text(str(this_process()))
        mine.rename(owner)
        return True

    def give_sign(self) -> None:
        """This process lives, as others see it who cannot ask."""
        with suppress(OSError):
            os.utime(self.folder / "owner")

    def task(self, name: str, parcel: Parcel, *, gpus: bool) -> Task:
        """What the job of an item does."""
        return Task(parcel, self._file(name, "said"), self._file(name, "result"), gpus)

    def sizes(self) -> dict[str, int]:
        """`NAME.said` and `NAME.result` as far as they are there, and their bytes: one look for all items."""
        with suppress(OSError), os.scandir(self.folder / "told") as files:
            return {file.name: file.stat().st_size for file in files}
        return {}

    def said(self, name: str, start: int) -> tuple[list[tuple[Any, ...]], int]:
        """What an item has said from this byte on, and where that ends."""
        news: list[tuple[Any, ...]] = []
        with suppress(OSError), self._file(name, "said").open("rb") as file:
            file.seek(start)
            with suppress(EOFError, pickle.UnpicklingError):  # the last is still being written
                while True:
                    news.append(pickle.load(file))
                    start = file.tell()
        return news, start

    def result(self, name: str) -> Any:
        """What an item has come to."""
        return pickle.loads(self._file(name, "result").read_bytes())

    def settle(self, name: str, *, lost: bool = False) -> None:
        """Nobody will ask for the item again. Logs stay where they may tell why a job was lost."""
        self.settled.add(name)
        self.lost.update({name} if lost else ())
        for kind in ("said", "result"):
            self._file(name, kind).unlink(missing_ok=True)
        if self.settled >= self.items.keys() and not self.lost:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):  # others lie there
                self.folder.parent.rmdir()

    def _file(self, name: str, kind: str) -> Path:
        return self.folder / "told" / f"{name}.{kind}"


def _write(path: Path, content: Any) -> None:
    partial = path.with_suffix(f".{uuid.uuid4().hex}")
    partial.write_bytes(pickle.dumps(content))
    partial.replace(path)
