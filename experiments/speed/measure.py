"""One timed command: from the shell to its last row in MLflow, in an empty folder with an empty store."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil

TOLD = Path("told.json")  # in its folder, what a command tells of itself: numbers by name
# Without the third, Python reads what it has compiled before, as it does for who has not set it.
NOT_PASSED_ON = ("OMP_NUM_THREADS", "MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE")
FINISHED = """select count(*) from runs where status = 'FINISHED' and run_uuid not in
    (select run_uuid from tags where key = 'lossbench.kind' and value != 'member')"""


# A small process starts the command, waits, and tells of it: seconds, exit status, ru_maxrss. A system counts
# for a command the memory of the process that it is started from, and the bench has 330 MiB of its own.
_BETWEEN = """
import json, os, sys, time
start = time.perf_counter()
child = os.fork()
if child == 0:
    os.dup2(2, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(json.dumps([time.perf_counter() - start, os.waitstatus_to_exitcode(status), usage.ru_maxrss]))
"""


@dataclass(frozen=True)
class Measurement:
    seconds: float
    peak_mib: float  # resident memory of the largest process
    together_mib: float  # of all its processes at once, what they share counted once; sampled, 0 if too short
    finished: int  # runs in MLflow
    utilisation: float | None  # of the GPU, percent: mean of the samples in which it worked at all
    # Where the command tells it: of the time of training, without data; training alone; memory of the GPU.
    waiting_percent: float | None = None
    training_seconds: float | None = None
    gpu_mib: float | None = None


def measure(
    command: list[str], *, within: Path, exit_code: int = 0, before: list[str] | None = None
) -> Measurement:
    """Run it in a new folder and wait.

    Args:
        within: where the folder is made, and stays: for a while after many folders were removed, ext4 takes
            ten times as long to make others (measured: 1 ms a job, a second for 240).
        before: a command that makes the folder ready, and is not timed.

    Raises:
        SystemExit: it ended otherwise than expected.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    folder = Path(tempfile.mkdtemp(dir=within))
    with _GPU() as gpu:
        if before:
            subprocess.run(before, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        with (folder / "output").open("w+") as output:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BETWEEN, *command], cwd=folder, env=environment,
                stdout=subprocess.PIPE, stderr=output, stdin=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            with _Together(process.pid) as together:
                said, _ = process.communicate()
            seconds, status, peak = json.loads(said)
            if status != exit_code:
                output.seek(0)
                sys.exit(f"{' '.join(command)}\nended with {status}:\n{output.read()[-4000:]}")
        peak /= 2**20 if sys.platform == "darwin" else 2**10
        told = json.loads((folder / TOLD).read_text()) if (folder / TOLD).exists() else {}
        finished = _finished(folder / "mlflow.db")
        return Measurement(seconds, peak, together.mib, finished, gpu.mean(), **told)


def _finished(store: Path) -> int:
    if not store.exists():
        return 0
    connection = sqlite3.connect(store)
    try:
        return int(connection.execute(FINISHED).fetchone()[0])
    finally:
        connection.close()


class _Together:
    """Samples the memory of all that a process has started, once a second."""

    def __init__(self, pid: int) -> None:
        self.mib, self._pid, self._ended = 0.0, pid, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _Together:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(1.0):
            try:
                total = sum(map(_own, psutil.Process(self._pid).children(recursive=True)))
            except psutil.Error:
                return
            self.mib = max(self.mib, total / 2**20)


def _own(process: psutil.Process) -> int:
    """Bytes of a process, its part of what it shares; 0 if it has just ended."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", memory.uss))


class _GPU:
    """Samples the utilisation of the first GPU twice a second, where there is one."""

    def __enter__(self) -> _GPU:
        self.samples: list[float] = []
        self._process: subprocess.Popen[str] | None = None
        if shutil.which("nvidia-smi"):
            query = ["nvidia-smi", "-i", "0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
            self._process = subprocess.Popen([*query, "-lms", "500"], stdout=subprocess.PIPE, text=True)
            threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self.samples.extend(float(line) for line in self._process.stdout if line.strip().isdigit())

    def mean(self) -> float | None:
        working = [sample for sample in self.samples if sample > 0]
        return sum(working) / len(working) if working else None
