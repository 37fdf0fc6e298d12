from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from lossbench.engines import crew
from lossbench.engines.local import Died, cores, spread

# Workers import what they run by name, so it stands in a module of its own.
TASKS = """
import os, signal, sys, time

def square(item, send):
    send((item, os.getpid()))
    return item * item

def where(item, send):
    time.sleep(0.2)
    return os.getpid()

def fate(item, send):
    if item == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "crashed":
        os.abort()
    if item == "left":
        os._exit(0)
    if item == "raised":
        raise ValueError("no such luck")
    if item == "unpicklable":
        return lambda: None
    return item

def threads(item, send):
    import numpy, torch
    return torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]

def surroundings(item, send):
    return os.environ.get("COLOUR"), os.getcwd(), signal.getsignal(signal.SIGINT) == signal.SIG_IGN

def chatter(item, send):
    for number in range(3000):
        send((item, number, "x" * 100))
    return item

def hang(item, send):
    send(os.getpid())
    time.sleep(600 if item else 0)

def die(*begun_with):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "spread_tasks.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    module: ModuleType = importlib.import_module("spread_tasks")
    yield module
    del sys.modules["spread_tasks"]


def gone(pid: int, seconds: float = 20.0) -> bool:
    """Whether the process has ended, or does so soon."""
    limit = time.monotonic() + seconds
    try:
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > limit:
                return False
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        pass
    return True


@pytest.mark.parametrize("n_jobs", [1, 2, 0, None])
def test_every_item_gets_its_result_and_its_messages_arrive(tasks: Any, n_jobs: int | None) -> None:
    messages: list[tuple[int, int]] = []
    results = dict(spread(tasks.square, [3, 4, 5], n_jobs=n_jobs, on_message=messages.append))
    assert results == {0: 9, 1: 16, 2: 25}
    assert sorted(item for item, _ in messages) == [3, 4, 5]
    here = {pid == os.getpid() for _, pid in messages}
    assert here == {n_jobs == 1 or cores() == 1}


def test_a_single_item_and_no_item_need_no_process(tasks: Any) -> None:
    assert list(spread(tasks.where, [0], n_jobs=2)) == [(0, os.getpid())]
    assert list(spread(tasks.where, [], n_jobs=2)) == []


def test_two_workers_share_the_items_and_are_used_again(tasks: Any) -> None:
    workers = [pid for _, pid in spread(tasks.where, range(6), n_jobs=2)]
    assert len(set(workers)) == 2
    assert all(gone(pid) for pid in set(workers))


def test_a_worker_that_dies_takes_only_its_own_item(tasks: Any) -> None:
    items = ["a", "killed", "b", "crashed", "c", "left", "d", "killed", "e"]
    results = dict(spread(tasks.fate, items, n_jobs=2))
    assert {items[i]: r for i, r in results.items() if not isinstance(r, Died)} == {x: x for x in "abcde"}
    assert results[1] == Died("its worker process was killed by SIGKILL; was there too little memory?")
    assert results[3] == Died("its worker process was killed by SIGABRT")
    assert results[5] == Died("its worker process ended without an answer (exit code 0)")
    assert results[7] == results[1]


def test_workers_that_die_before_their_first_item_end_no_sweep(
    tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "begin", tasks.die)
    results = dict(spread(tasks.square, range(6), n_jobs=2))
    assert sorted(results) == list(range(6))
    assert {result.reason for result in results.values()} == {  # type: ignore[union-attr]
        "its worker process was killed by SIGKILL; was there too little memory?"
    }


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_an_item_raises_is_its_own_fate(tasks: Any, n_jobs: int) -> None:
    results = dict(spread(tasks.fate, ["a", "raised", "b"], n_jobs=n_jobs))
    assert (results[0], results[2]) == ("a", "b")
    assert isinstance(results[1], Died)
    assert results[1].reason == "ValueError: no such luck"
    assert isinstance(results[1].error, ValueError)


def test_a_result_that_cannot_travel_is_a_loss_not_a_hang(tasks: Any) -> None:
    results = dict(spread(tasks.fate, ["a", "unpicklable"], n_jobs=2))
    assert results[0] == "a"
    assert "pickle" in results[1].reason


def test_an_idle_worker_that_is_killed_is_replaced(tasks: Any) -> None:
    pids: list[int] = []
    going = spread(tasks.square, [1, 2, 3, 4, 5], n_jobs=2, on_message=lambda m: pids.append(m[1]))
    results = dict([next(going)])
    while len(set(pids)) < 2:
        time.sleep(0.01)
    for pid in set(pids):
        os.kill(pid, signal.SIGKILL)
        assert gone(pid)
    results |= dict(going)
    assert results.keys() == set(range(5))
    assert sum(isinstance(result, Died) for result in results.values()) <= 2


def test_a_worker_has_one_thread(tasks: Any) -> None:
    assert dict(spread(tasks.threads, [0, 1], n_jobs=2)) == {0: (1, "1"), 1: (1, "1")}


def test_a_worker_has_the_environment_and_folder_of_now_and_ignores_ctrl_c(
    tasks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(spread(tasks.square, [1, 2], n_jobs=2))  # the server of workers runs, started before the changes
    monkeypatch.setenv("COLOUR", "green")
    monkeypatch.chdir(tmp_path)
    expected = ("green", str(tmp_path), True)
    assert dict(spread(tasks.surroundings, [0, 1], n_jobs=2)) == {0: expected, 1: expected}


def test_many_messages_arrive_complete_in_order_and_before_the_end(tasks: Any) -> None:
    messages: list[tuple[int, int, str]] = []
    list(spread(tasks.chatter, [0, 1, 2], n_jobs=2, on_message=messages.append))
    for item in range(3):
        assert [number for i, number, _ in messages if i == item] == list(range(3000))


def test_a_receiver_that_fails_does_not_stop_the_work(tasks: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(message: Any) -> None:
        raise RuntimeError("deaf")

    assert dict(spread(tasks.square, [1, 2], n_jobs=2, on_message=fail)) == {0: 1, 1: 4}
    assert "could not be used" in caplog.text


def test_leaving_the_loop_ends_the_workers(tasks: Any) -> None:
    pids: list[int] = []
    going = spread(tasks.hang, [0, 1, 2], n_jobs=2, on_message=pids.append)
    assert next(going) == (0, None)
    while len(pids) < 2:
        time.sleep(0.01)
    going.close()
    assert all(gone(pid) for pid in pids)


PROGRAM = """
import sys
from lossbench.engines.local import spread
from spread_tasks import hang

if __name__ == "__main__":
    try:
        for _ in spread(hang, [1, 2], n_jobs=2, on_message=lambda pid: print(pid, flush=True)):
            pass
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("how", ["ctrl-c", "killed"])
def test_no_worker_outlives_its_parent(tasks: Any, tmp_path: Path, how: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        pids = [int(program.stdout.readline()) for _ in range(2)]
        if how == "ctrl-c":  # a terminal sends it to the whole group
            os.killpg(program.pid, signal.SIGINT)
        else:
            program.kill()
        assert program.wait(timeout=30) == (130 if how == "ctrl-c" else -signal.SIGKILL)
        assert all(gone(pid) for pid in pids)
        if how == "ctrl-c":
            assert program.stderr.read() == ""
