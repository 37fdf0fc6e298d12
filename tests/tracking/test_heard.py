"""What packs say where they train, in their records and on the display."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from omegaconf import DictConfig

from lossbench.engines.events import Died, Ended, Said, Started
from lossbench.engines.local import Local
from lossbench.engines.progress import Progress
from lossbench.job import jobs_from
from lossbench.outcome import Outcome
from lossbench.pack.abroad import Unseen
from lossbench.pack.fate import MemberResult
from lossbench.pack.plan import plan
from lossbench.pack.said import Trained
from lossbench.tracking import Store
from lossbench.tracking.heard import Heard

SMALL = ["data.train_size=60", "data.val_size=20", "data.test_size=20", "trainer.max_epochs=2"]


def statuses(folder: Path, expected: list[str], seconds: float = 20.0) -> list[str]:
    """Of all runs in the database, which takes them up in its own time, once they are as expected."""
    until = time.monotonic() + seconds
    while True:
        with closing(sqlite3.connect(folder / "mlflow.db")) as records:
            found = sorted(status for (status,) in records.execute("SELECT status FROM runs"))
        if found == expected or time.monotonic() > until:
            return found
        time.sleep(0.02)


@pytest.mark.usefixtures("uri")
def test_a_run_is_running_when_its_pack_has_started_and_not_while_it_waits(
    folder: Path,
    composed: Callable[..., DictConfig],
    open_store: Callable[..., Store],
    caplog: pytest.LogCaptureFixture,
) -> None:
    jobs = jobs_from([composed(*SMALL, f"seed={seed}", "pack.mode=loop") for seed in range(3)])
    packs = plan(jobs, Local(2), max_members=1).packs
    outcomes: dict[str, Outcome] = {}
    with Progress(3, 3, 6, stream=StringIO()) as progress:
        sweep = Heard(open_store(), progress, packs, outcomes)
        assert statuses(folder, []) == []
        sweep.hear(Started(1))
        assert statuses(folder, ["RUNNING"]) == ["RUNNING"]
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                sweep.hear(Said(1, Unseen("n7", Path("/shared"))))
            sweep.hear(Said(1, Trained("some", 1)))  # type: ignore[arg-type]
        assert [line.split(" does not see")[0] for line in caplog.messages] == [
            "The machine n7",
            "a message from a worker could not be used: Trained(members='some', epoch=1)",
        ]
        for epoch in (1, 2, 2):  # queued again after the second, and its checkpoint was of the first
            sweep.hear(Said(1, Trained(1, epoch)))
        assert progress.epochs_done == 2
        sweep.hear(Ended(1, [MemberResult(metrics={"val_best/mae": 1.0})]))
        sweep.hear(Ended(0, Died("its node is lost")))  # before it could say that it has started
        assert statuses(folder, ["FAILED", "FINISHED"]) == ["FAILED", "FINISHED"]
    assert {outcomes[jobs[number].key].outcome for number in (0, 1)} == {"failed", "finished"}
    assert jobs[2].key not in outcomes
