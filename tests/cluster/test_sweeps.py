"""The real command line on a real Slurm and a real Ray cluster: the numbers of this machine, to the bit."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


def recorded(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "mlflow.db") as database:
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
        assert list((tmp_path / "lossbench-jobs").iterdir()) == []
    assert "0 of 8 runs to train" in sweep(tmp_path, *launcher).stdout


def test_an_interrupted_sweep_leaves_nothing_behind(launcher: list[str], tmp_path: Path) -> None:
    long = [*launcher, "trainer.max_epochs=100000"]
    ended, said = stopped(tmp_path, signal.SIGTERM, *long)
    assert ended == 128 + signal.SIGTERM, said
    assert "interrupted: 0 of 8 runs ended" in said
    if "hydra/launcher=slurm" in launcher:
        assert subprocess.check_output(["squeue", "--noheader", f"--name={tmp_path.name}"], text=True) == ""
