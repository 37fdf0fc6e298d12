"""The real command line on a real Slurm and a real Ray cluster: the numbers of this machine, to the bit."""

from __future__ import annotations

import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from slurm_queue import queue, start_again, wait_for

from lossbench.pack.said import Trained

pytestmark = pytest.mark.cluster

SWEEP = [
    *("experiment=demo_outliers", "trainer.max_epochs=40", "loss=mse,mae", "optimizer.lr=0.003,0.01"),
    *("seed=0,1", "hydra.launcher.max_members=4"),
]
RUNS = 8
RECORDED = """
    SELECT tags.value, metrics.key, step, metrics.value FROM metrics JOIN tags USING (run_uuid)
    WHERE tags.key = 'lossbench.key' AND run_uuid IN
        (SELECT run_uuid FROM tags WHERE key = 'lossbench.outcome' AND value = 'finished')
    ORDER BY 1, 2, 3
"""


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "lossbench", "-m", *SWEEP, *options]


def sweep(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*options), cwd=folder, capture_output=True, text=True, timeout=240)


def stopped(folder: Path, number: signal.Signals, *options: str) -> tuple[int, str]:
    """How a sweep ends by a signal once its two packs train, and what it has said."""
    path = folder / "said"
    with (
        path.open("w") as said,
        subprocess.Popen(command(*options), cwd=folder, stdout=said, stderr=said) as parent,
    ):
        while parent.poll() is None and running(folder) < RUNS:
            time.sleep(0.05)
        parent.send_signal(number)
        ended = parent.wait(240)
    return ended, path.read_text()


def running(folder: Path) -> int:
    """Runs whose packs have started, as their records say."""
    try:
        with sqlite3.connect(f"file:{folder / 'mlflow.db'}?mode=ro", uri=True) as database:
            return int(database.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()[0])
    except sqlite3.Error:  # it is about to be made
        return 0


def recorded(folder: Path, name: str = "mlflow.db") -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / name) as database:
        return database.execute(RECORDED).fetchall()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """What the sweep comes to on this machine."""
    folder = tmp_path_factory.mktemp("local")
    done = sweep(folder)
    assert done.returncode == 0, done.stderr
    return recorded(folder)


@pytest.fixture(params=["slurm", "ray"])
def launcher(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[list[str]]:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    if request.param == "ray":
        address = request.getfixturevalue("ray_cluster").address
        node = "+hydra.launcher.ray._node_ip_address=127.0.0.2"
        yield ["hydra/launcher=ray", f"hydra.launcher.ray.address='{address}'", node]
    elif request.getfixturevalue("slurm"):
        # As if this were an allocation, and one of torchrun: neither is for the jobs.
        for name, value in {
            "SLURM_NTASKS": "2",
            "SLURM_JOB_ID": "99999",
            "RANK": "1",
            "WORLD_SIZE": "2",
        }.items():
            monkeypatch.setenv(name, value)
        yield ["hydra/launcher=slurm", f"+hydra.launcher.slurm.name={tmp_path.name}"]
    else:
        pytest.skip("no Slurm here")


def test_a_killed_sweep_goes_on_and_has_the_numbers_of_this_machine(
    launcher: list[str], local: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    ended, said = stopped(tmp_path, signal.SIGKILL, *launcher)
    assert ended == -signal.SIGKILL, said
    done = sweep(tmp_path, *launcher)
    assert done.returncode == 0, done.stderr
    assert recorded(tmp_path) == local
    if "hydra/launcher=slurm" in launcher:  # it waited for the jobs that there were, and submitted none
        asked = ["squeue", "--noheader", "--array", "--states=all", f"--name={tmp_path.name}", "--format=%i"]
        assert len(subprocess.check_output(asked, text=True).splitlines()) == 2
        assert not (tmp_path / "lossbench-jobs").exists()
    assert "0 of 8 runs to train" in sweep(tmp_path, *launcher).stdout


def epochs(folder: Path) -> int:
    """How many epochs of a pack its job has told of, whether it was queued again or not."""
    told = 0
    for path in (folder / "lossbench-jobs").glob("*/told/*.said"):
        with suppress(EOFError, OSError, pickle.UnpicklingError), path.open("rb") as file:  # it is written
            while True:
                told += any(isinstance(part, Trained) for part in pickle.load(file))
    return told


def requeue(name: str) -> None:
    """As an administrator does."""
    subprocess.run(["scontrol", "requeue", queue(name)[0].split()[0]], check=True)


def preempt(name: str) -> None:
    """As Slurm does by itself where a job of more importance wants the nodes."""
    more_important = ["sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null"]
    subprocess.run([*more_important, "--wrap=sleep 1"], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("launcher", ["slurm"], indirect=True)
@pytest.mark.parametrize("again", [requeue, pytest.param(preempt, marks=pytest.mark.slow)])
def test_a_pack_that_is_queued_again_goes_on_from_its_checkpoint(
    launcher: list[str], tmp_path: Path, again: Callable[[str], None]
) -> None:
    most = 300
    one_pack = [f"trainer.max_epochs={most}", "hydra.launcher.max_members=8"]
    assert sweep(tmp_path, *one_pack, "tracking.uri=sqlite:///local.db").returncode == 0
    arguments = command(*launcher, *one_pack, "pack.checkpoint_every=5")
    told = 0
    with subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.DEVNULL) as parent:
        wait_for(lambda: epochs(tmp_path) > most // 10)
        again(tmp_path.name)
        start_again(tmp_path.name)
        while parent.poll() is None:
            told = max(told, epochs(tmp_path))
            time.sleep(0.02)
    assert parent.returncode == 0
    assert recorded(tmp_path) == recorded(tmp_path, "local.db")
    assert told < most + most // 10  # of a pack that starts anew it would be this and more


def test_an_interrupted_sweep_leaves_nothing_behind(launcher: list[str], tmp_path: Path) -> None:
    long = [*launcher, "trainer.max_epochs=100000"]
    ended, said = stopped(tmp_path, signal.SIGTERM, *long)
    assert ended == 128 + signal.SIGTERM, said
    assert "interrupted: 0 of 8 runs ended" in said
    if "hydra/launcher=slurm" in launcher:
        assert subprocess.check_output(["squeue", "--noheader", f"--name={tmp_path.name}"], text=True) == ""
