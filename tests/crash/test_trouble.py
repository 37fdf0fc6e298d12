"""Failing members, locks, full disks, sweeps at once, a lost server: nothing lost, nothing twice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Folder = Any  # the classes of conftest.py, which tests cannot import
NewFolder = Callable[..., Any]
Undisturbed = tuple[list[tuple[object, ...]], float]

_CARELESS = """
from dataclasses import dataclass
from lossbench.losses.mse import MSE

calls = 0

@dataclass(frozen=True, kw_only=True)
class Careless(MSE):
    def __call__(self, output, target, kind):
        global calls
        calls += 1
        if calls >= 20:
            raise RuntimeError("I am tired")
        return super().__call__(output, target, kind)
"""


def test_a_loss_that_raises_and_a_member_that_diverges_leave_the_others_alone(
    folder: Folder, undisturbed: Undisturbed
) -> None:
    (folder.path / "careless.py").write_text(_CARELESS)
    (folder.path / "own" / "loss").mkdir(parents=True)
    (folder.path / "own" / "loss" / "careless.yaml").write_text(
        "_target_: careless.Careless\nname: careless\n"
    )
    folder.sweep = [word for word in folder.sweep if not word.startswith(("loss=", "seed="))]
    status, said = folder.run(
        "--config-dir=own", "loss=mse,huber,careless", "seed=0,1,2", "optimizer.lr=0.001,1e30"
    )
    assert status == 1
    numbers = folder.numbers()
    assert set(undisturbed[0]) <= set(numbers)
    assert folder.statuses() == {"FINISHED": 6, "FAILED": 12}
    assert re.search(r"careless lr=0.001 seed=2 failed: the loss raised RuntimeError at step \d+: I am", said)
    assert said.count(" failed: ") + said.count(" diverged: ") == 12  # all of them, not the first
    told = folder.rows(
        "SELECT t.value FROM tags AS t JOIN runs USING (run_uuid) "
        "WHERE t.key = 'lossbench.traceback' AND status = 'FAILED'"
    )
    assert told
    assert all("I am tired" in str(text) for (text,) in told)
    assert len(folder.rows("SELECT 1 FROM tags WHERE key = 'lossbench.reason'")) == 12


def all_at_once(folder: Folder, count: int) -> None:
    programs = [folder.start(f"hydra.sweep.dir=sweep{i}") for i in range(count)]
    for program in programs:
        status, said = program.wait()
        assert status == 0, said


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_sweeps_at_once_count_every_run_once(folder: Folder, undisturbed: Undisturbed, count: int) -> None:
    all_at_once(folder, count)
    assert folder.numbers() == undisturbed[0]
    assert folder.running() == []


@pytest.mark.slow
def test_four_first_starts_at_once_make_one_database(new_folder: NewFolder, undisturbed: Undisturbed) -> None:
    folder = new_folder("empty", with_database=False)
    all_at_once(folder, 4)
    assert folder.numbers() == undisturbed[0]


@pytest.mark.slow
def test_a_sweep_waits_for_a_locked_database(folder: Folder, undisturbed: Undisturbed) -> None:
    program = folder.start()
    folder.wait_for("RUNNING")
    code = (
        "import sqlite3, time; d = sqlite3.connect('mlflow.db', timeout=60, isolation_level=None); "
        "d.execute('BEGIN IMMEDIATE'); time.sleep(10)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder.path, check=True)
    status, said = program.wait()
    assert status == 0, said
    assert folder.numbers() == undisturbed[0]


@contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Another process holds the database; what is read comes from before."""
    code = (
        "import sqlite3, sys; d = sqlite3.connect('mlflow.db', timeout=60, isolation_level=None); "
        "d.execute('BEGIN IMMEDIATE'); print(flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout
    holder.stdout.readline()
    try:
        yield
    finally:
        holder.communicate()


@pytest.mark.slow
def test_ctrl_c_while_the_database_is_locked_keeps_results_on_disk(
    folder: Folder, undisturbed: Undisturbed
) -> None:
    program = folder.start()
    folder.wait_for("RUNNING")
    with locked(folder):
        folder.wait_for_results_on_disk()
        os.killpg(program.pid, signal.SIGINT)
        status, said = program.wait()  # it does not wait for the lock, which lasts as long as it
        assert status == 130, said
        assert "Traceback" not in said
        assert re.search(
            r"The results of \d+ runs could not be recorded in .* recorded at the next start", said
        )
    status, said = folder.run()
    assert status == 0, said
    assert folder.numbers() == undisturbed[0]
    assert folder.running() == []
    assert not (folder.path / "lossbench-unrecorded").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", path], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.slow
def test_a_full_disk_loses_nothing(small_disk: Path, new_folder: NewFolder, undisturbed: Undisturbed) -> None:
    folder = new_folder(small_disk)
    program = folder.start()
    folder.wait_for("RUNNING")
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    status, said = program.wait()
    assert "Traceback" not in said, said
    filler.unlink()
    if status == 0:
        assert folder.running() == []
    status, said = folder.run()
    assert status == 0, said
    assert folder.numbers() == undisturbed[0]
    assert folder.running() == []


class Server:
    """`mlflow server` on the database of a folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        self.folder, self.uri = folder, f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self.process = subprocess.Popen(
            [*command, "--backend-store-uri", "sqlite:///mlflow.db", "--workers", "1"],
            cwd=self.folder,
            env=os.environ | quiet,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < until, "the server did not start"
                time.sleep(0.2)

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
def test_a_server_may_go_away_and_come_back(folder: Folder, undisturbed: Undisturbed) -> None:
    server = Server(folder.path)
    server.start()
    try:
        program = folder.start(f"tracking.uri={server.uri}")
        folder.wait_for("RUNNING")
        server.stop()
        time.sleep(3)
        server.start()
        status, said = program.wait()
        assert "Traceback" not in said
        assert status == 0, said
        assert folder.numbers() == undisturbed[0]
        assert folder.running() == []
    finally:
        server.stop()
    shutil.rmtree(folder.path / "mlartifacts", ignore_errors=True)
