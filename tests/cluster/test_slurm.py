"""What becomes of packs on Slurm when something ends that should not: a job, a node, the parent."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
from slurm_queue import queue, start_again, wait_for

from lossbench.engines.slurm import Slurm

pytestmark = pytest.mark.cluster


@pytest.fixture
def options(slurm: Path | None, tmp_path: Path) -> dict[str, Any]:
    if slurm is None:
        pytest.skip("no Slurm here")
    return {"folder": str(tmp_path / "jobs"), "n_jobs": 2, "parameters": {"name": tmp_path.name}}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(tmp_path / name) for name in ("a", "b")]


def test_the_same_command_takes_up_the_jobs_of_a_parent_that_was_killed(
    start: Any, options: dict[str, Any], files: list[str], tmp_path: Path
) -> None:
    with start("slurm", options, "until", files) as parent:
        pids = parent.pids(2)
        parent.process.kill()
    Path(files[0]).touch()  # one ends meanwhile, the other while it is waited for
    wait_for(lambda: len(queue(tmp_path.name)) == 1)
    jobs = Slurm(**options)
    assert sorted(jobs.underway()) == sorted(files)
    with start("slurm", options, "until", files) as parent:
        assert parent.pids(2) == pids  # the same jobs
        Path(files[1]).touch()
        assert parent.results() == dict(enumerate(files))
    assert jobs.underway() == []
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_parent_leaves_no_job(
    start: Any, options: dict[str, Any], tmp_path: Path, number: signal.Signals
) -> None:
    with start("slurm", options, "hang", [1, 2, 3]) as parent:
        parent.pids(2)
        parent.process.send_signal(number)
        assert parent.process.wait(20) == 128 + number
    assert queue(tmp_path.name) == []
    assert not (tmp_path / "jobs").exists()


def test_a_job_that_is_queued_again_goes_on(
    start: Any, options: dict[str, Any], files: list[str], tmp_path: Path
) -> None:
    with start("slurm", options, "until", files[:1]) as parent:
        first = parent.pids(1)
        subprocess.run(["scontrol", "requeue", queue(tmp_path.name)[0].split()[0]], check=True)
        start_again(tmp_path.name)
        again = parent.pids(1)
        Path(files[0]).touch()
        assert parent.results() == {0: files[0]}
        assert first != again


def test_a_job_near_its_time_limit_is_queued_again(
    start: Any, options: dict[str, Any], files: list[str], tmp_path: Path
) -> None:
    with start("slurm", options, "until", files[:1]) as parent:
        parent.pids(1)
        job = queue(tmp_path.name)[0].split()[0]
        subprocess.run(["scancel", "--signal=USR2", job], check=True)  # as Slurm warns of the limit
        start_again(tmp_path.name)
        parent.pids(1)
        Path(files[0]).touch()
        assert parent.results() == {0: files[0]}


def test_a_lost_node_takes_no_pack(
    start: Any, options: dict[str, Any], files: list[str], tmp_path: Path
) -> None:
    with start("slurm", options | {"cpus_per_pack": 2}, "until", files) as parent:  # one on each node
        parent.pids(2)
        kill_node("n2")
        # As Slurm does by itself when it has not heard of a node for a while.
        subprocess.run(["scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=lost"], check=True)
        Path(files[0]).touch()
        Path(files[1]).touch()
        start_again(tmp_path.name)
        assert parent.results() == dict(enumerate(files))
    subprocess.run(["/usr/sbin/slurmd", "-N", "n2"], check=True)
    wait_for(lambda: "n2" in subprocess.check_output(["sinfo", "--noheader", "-N", "-t", "idle"], text=True))


def kill_node(name: str) -> None:
    """All that runs on a node of this machine, at once; those who could tell of it first."""
    telling, own = [], []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline() == ["/usr/sbin/slurmd", "-N", name]:
                telling.append(process)
            elif process.environ().get("SLURMD_NODENAME") == name:
                own.append(process)
                telling += [one for one in process.parents() if "slurmstepd" in one.name()]
    for process in [*telling, *own]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def test_two_parents_of_the_same_items_disturb_each_other_in_nothing(
    start: Any, options: dict[str, Any], files: list[str]
) -> None:
    with start("slurm", options, "until", files) as one, start("slurm", options, "until", files) as two:
        assert not set(one.pids(2)) & set(two.pids(2))
        two.process.send_signal(signal.SIGINT)
        assert two.process.wait(20) == 130
        for file in files:
            Path(file).touch()
        assert one.results() == dict(enumerate(files))


@pytest.mark.slow
def test_a_time_limit_takes_its_pack_in_words(start: Any, options: dict[str, Any]) -> None:
    limit = {"timeout_min": 1, "slurm_signal_delay_s": 0}
    with start("slurm", options | {"parameters": limit}, "hang", [0, 1]) as parent:
        ended = parent.results(150)
    assert ended[0] == 0
    assert "(TIMEOUT)" in ended[1]
    assert "DUE TO TIME LIMIT" in ended[1]
