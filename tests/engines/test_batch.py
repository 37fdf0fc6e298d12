"""What a parent that dies has left on disk is found by the next one, once, and by no other."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lossbench.engines.batch import Batch
from lossbench.engines.process import Process, this_process

NOW = time.time()


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Two items, of which one has spoken twice and the other has a result."""
    batch = Batch.new(tmp_path, {"a": 1, "b": 2})
    batch.submitted({"a": "7_0", "b": "7_1"})
    return batch


def owned(batch: Batch, process: Process) -> None:
    (batch.folder / "owner").write_text(str(process))


def dead() -> Process:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return dataclasses.replace(this_process(), pid=child.pid, started=NOW)


def test_a_batch_is_left_when_its_parent_is_dead(batch: Batch, tmp_path: Path) -> None:
    owned(batch, Process(this_process().host, 1, 0.0))  # that of the machine lives, and began at another time
    assert [one.jobs for one in Batch.left(tmp_path)] == [{"a": "7_0", "b": "7_1"}]
    owned(batch, dead())
    assert [one.items for one in Batch.left(tmp_path)] == [{"a": 1, "b": 2}]


def test_a_batch_whose_parent_may_live_is_not_left(batch: Batch, tmp_path: Path) -> None:
    owned(batch, Process("another", 1, NOW))  # it cannot be asked, and gave a sign just now
    assert list(Batch.left(tmp_path)) == []


def test_a_batch_is_claimed_by_its_new_parent(batch: Batch, tmp_path: Path) -> None:
    owned(batch, dead())
    assert batch.claim()
    assert (batch.folder / "owner").read_text() == str(this_process())
    (batch.folder / "owner").rename(tmp_path / "another has it")
    assert not batch.claim()


def task(batch: Batch, parcel: Any) -> int:
    """The exit status of a job."""
    code = "import pickle, sys; pickle.load(sys.stdin.buffer)()"
    made = pickle.dumps(batch.task("a", parcel, gpus=False))
    return subprocess.run([sys.executable, "-c", code], input=made, check=False).returncode


def test_what_a_job_says_and_comes_to_is_read_until_it_is_settled(batch: Batch) -> None:
    from cluster_tasks import chatter

    from lossbench.engines.parcel import Parcel

    assert batch.said("a", 0) == ([], 0)
    assert task(batch, Parcel.of(chatter, 5)) == 0
    sizes = batch.sizes()
    news, end = batch.said("a", 0)
    assert news == [(), *(((5, number),) for number in range(300))]
    assert sizes["a.said"] == end
    assert batch.said("a", end) == ([], end)
    assert batch.result("a") == 5
    batch.settle("a")
    assert batch.sizes() == {}
    batch.settle("b")
    assert not batch.folder.exists()


def test_a_folder_that_a_machine_does_not_see_is_named(batch: Batch, tmp_path: Path) -> None:
    from cluster_tasks import chatter

    from lossbench.engines.parcel import Parcel

    parcel = dataclasses.replace(Parcel.of(chatter, 5), folder=str(tmp_path / "far"))
    task(batch, parcel)
    assert f"does not see {tmp_path / 'far'}" in batch.result("a").reason


def test_the_logs_of_lost_jobs_stay(batch: Batch) -> None:
    batch.settle("a", lost=True)
    batch.settle("b")
    assert batch.folder.exists()
