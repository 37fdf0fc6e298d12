"""The whole program, started again and again: forked from a process that has its imports done."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

# Six runs in three packs or more, each pack with several checkpoints.
SWEEP = (
    *("-m", "data.train_size=64", "data.val_size=20", "data.test_size=20", "trainer.max_epochs=8"),
    *("trainer.batch_size=16", "pack.mode=loop", "pack.checkpoint_every=2", "hydra.launcher.max_members=2"),
    *("loss=mse,huber", "seed=0,1,2"),
)
Nursery = Any  # the class of the conftest.py above, which this one cannot import
HERE = "hydra.launcher.n_jobs=1"  # all packs in the process of the program


class Program:
    """One start of the program in a folder, in a process group of its own."""

    def __init__(self, nursery: Nursery, folder: Path, arguments: tuple[str, ...]) -> None:
        self.nursery = nursery
        self.output = folder / f"output-{time.monotonic_ns()}"
        self.pid = nursery.start("lossbench", arguments, folder, self.output, self.output)

    def kill(self) -> None:
        """As `kill -9` of the whole sweep."""
        os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> tuple[int, str]:
        """Exit status and what was said."""
        return self.nursery.wait(self.pid), self.output.read_text()


class Folder:
    """A folder with a database, and what its sweeps have recorded."""

    def __init__(self, path: Path, nursery: Nursery, database: Path | None) -> None:
        self.path, self.nursery = path, nursery
        path.mkdir(exist_ok=True)
        if database:
            shutil.copy(database, path / "mlflow.db")

    sweep = SWEEP

    def start(self, *more: str, here: bool = True) -> Program:
        """Start the sweep; `here` trains in its own process, else in workers."""
        return Program(self.nursery, self.path, (*self.sweep, *((HERE,) if here else ()), *more))

    def run(self, *more: str, here: bool = True) -> tuple[int, str]:
        """The sweep to its end: exit status and what it said."""
        return self.start(*more, here=here).wait()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.path / "mlflow.db", timeout=60)) as database:
            return database.execute(statement).fetchall()

    def numbers(self) -> list[tuple[object, ...]]:
        """Every point of every metric of every member that counts: one that counts twice shows twice."""
        return self.rows(
            "SELECT k.value, o.value, m.key, m.step, m.value FROM metrics AS m "
            "JOIN tags AS k ON k.run_uuid = m.run_uuid AND k.key = 'lossbench.key' "
            "JOIN tags AS i ON i.run_uuid = m.run_uuid AND i.key = 'lossbench.kind' AND i.value = 'member' "
            "JOIN tags AS o ON o.run_uuid = m.run_uuid AND o.key = 'lossbench.outcome' "
            "LEFT JOIN tags AS s ON s.run_uuid = m.run_uuid AND s.key = 'lossbench.superseded' "
            "WHERE o.value IN ('finished', 'diverged') AND s.value IS NULL ORDER BY 1, 2, 3, 4, 5"
        )

    def statuses(self) -> dict[object, object]:
        """How many records of members have which status."""
        counts = self.rows(
            "SELECT status, count(*) FROM runs JOIN tags USING (run_uuid) "
            "WHERE key = 'lossbench.kind' AND value = 'member' GROUP BY status"
        )
        return dict(counts)  # type: ignore[arg-type]

    def running(self) -> list[tuple[object, ...]]:
        """Records of any kind that nobody has ended."""
        return self.rows("SELECT name FROM runs WHERE status = 'RUNNING'")

    def not_marked(self) -> int:
        """How many records of members no later one has replaced, whatever became of them."""
        found = self.rows(
            "SELECT count(*) FROM tags AS i WHERE i.key = 'lossbench.kind' AND i.value = 'member' "
            "AND NOT EXISTS (SELECT 1 FROM tags AS s "
            "WHERE s.run_uuid = i.run_uuid AND s.key = 'lossbench.superseded')"
        )
        return int(str(found[0][0]))

    def kinds(self) -> list[tuple[object, ...]]:
        """The kind of each record: of members, summaries and reports."""
        return self.rows("SELECT value FROM tags WHERE key = 'lossbench.kind'")

    def wait_for_checkpoint(self, seconds: float = 120.0) -> None:
        """Until a pack is in the middle of its training."""
        until = time.monotonic() + seconds
        while not list(self.path.glob("lossbench-checkpoints/*.ckpt")):
            assert time.monotonic() < until
            time.sleep(0.01)

    def wait_for_results_on_disk(self, seconds: float = 60.0) -> None:
        """Until results lie there that the database has not taken."""
        until = time.monotonic() + seconds
        while not list(self.path.glob("lossbench-unrecorded/*.jsonl")):
            assert time.monotonic() < until
            time.sleep(0.01)

    def wait_for(self, status: str, count: int = 1, seconds: float = 60.0) -> None:
        """Until so many records have a status."""
        until = time.monotonic() + seconds
        while int(str(self.statuses().get(status, 0))) < count:
            assert time.monotonic() < until, self.statuses()
            time.sleep(0.01)


@pytest.fixture
def new_folder(tmp_path: Path, nursery: Nursery, database: Path) -> Callable[..., Folder]:
    """Makes folders by name, with an empty database or without."""

    def make(name: str | Path, with_database: bool = True) -> Folder:
        return Folder(tmp_path / name, nursery, database if with_database else None)

    return make


@pytest.fixture
def folder(new_folder: Callable[..., Folder]) -> Folder:
    return new_folder("work")


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, nursery: Nursery, database: Path
) -> tuple[list[tuple[object, ...]], float]:
    """What a sweep records that nobody disturbs, and the seconds that it takes."""
    folder = Folder(tmp_path_factory.mktemp("undisturbed"), nursery, database)
    began = time.monotonic()
    status, said = folder.run()
    assert status == 0, said
    assert folder.statuses() == {"FINISHED": 6}
    return folder.numbers(), time.monotonic() - began
