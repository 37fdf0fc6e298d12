from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import engine_behaviours as all_engines
import pytest
from engine_behaviours import Sorted, gone, results

from lossbench.engines import local
from lossbench.engines.events import Died, Ended, Said, Started
from lossbench.engines.local import Local, cores, here

KILLED = Died("its worker process was killed by SIGKILL; was there too little memory?")


@pytest.fixture
def engine() -> Local:
    return Local(n_jobs=2)


@pytest.mark.parametrize(
    "behaviour",
    [
        all_engines.every_item_starts_speaks_and_ends_in_this_order_elsewhere,
        all_engines.what_an_item_raises_is_its_own_fate,
        all_engines.many_messages_arrive_complete_in_order_and_before_the_end,
        all_engines.workers_compute_with_one_thread,
        all_engines.leaving_the_loop_ends_the_work,
    ],
)
def test_what_every_engine_does(engine: Local, behaviour: Any) -> None:
    behaviour(engine)


def test_a_worker_that_dies_takes_only_its_own_item(engine: Local) -> None:
    assert all_engines.a_worker_that_dies_takes_only_its_own_item(engine, ["killed", "crashed", "left"]) == {
        "killed": KILLED,
        "crashed": Died("its worker process was killed by SIGABRT"),
        "left": Died("its worker process ended without an answer (exit code 0)"),
    }


def test_in_this_process_items_are_worked_on_in_order_and_heard_of_meanwhile() -> None:
    heard: list[Said] = []
    events = ((event, len(heard)) for event in here(all_engines.square, [3, 4], heard.append))
    assert [(event.result, told) for event, told in events if isinstance(event, Ended)] == [(9, 1), (16, 2)]
    assert heard == [Said(0, (3, os.getpid())), Said(1, (4, os.getpid()))]
    told = Sorted(here(all_engines.fate, ["a", "raised", "b"], heard.append))
    assert list(told.order.values()) == [[Started, Ended]] * 3
    assert (told.results[0], told.results[2]) == ("a", "b")
    assert told.results[1].reason == "ValueError: no such luck"
    assert isinstance(told.results[1].error, ValueError)


@pytest.mark.parametrize(("slots", "kind"), [(2, Started), (1, Ended)])
def test_no_worker_waits_for_who_is_told_of_events(slots: int, kind: type, tmp_path: Path) -> None:
    """Who hears of an end writes records meanwhile; here it waits until the last item is worked on."""
    paths = [str(tmp_path / name) for name in "ab"]
    for event in Local(n_jobs=slots).run(all_engines.left_behind, paths):
        if isinstance(event, kind):
            until = time.monotonic() + 60
            while not Path(paths[-1]).exists():
                assert time.monotonic() < until, "its worker has nothing to do"
                time.sleep(0.01)


def test_what_was_measured_is_told_before_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    one_of = local._one_of

    def refused(*given: Any) -> Any:
        started.append(given)
        if len(started) > 1:
            raise BlockingIOError("Resource temporarily unavailable")
        return one_of(*given)

    monkeypatch.setattr(local, "_one_of", refused)
    events = Local(n_jobs=1).run(all_engines.square, [3, 4])
    assert Ended(0, 9) in (next(events) for _ in range(3))  # begun, said and ended
    with pytest.raises(BlockingIOError):
        next(events)


def test_two_workers_share_the_items_and_are_used_again(engine: Local) -> None:
    workers = set(results(engine, all_engines.where, range(6)).values())
    assert len(workers) == 2
    assert all(gone(pid) for pid in workers)


def test_there_is_a_slot_for_each_core_and_for_each_share_of_a_gpu() -> None:
    assert (Local().slots, Local(n_jobs=3).slots) == (cores(), 3)
    assert Local(cpus_per_pack=1000).slots == 1
    assert Local(devices=("0", "1")).slots == Local(devices=("0", "1"), n_jobs=9).slots == 2
    assert Local(devices=("0", "1"), gpus_per_pack=0.5).slots == 4
    assert Local(devices=("0", "1"), gpus_per_pack=0.5, n_jobs=3).slots == 3
    assert (Local(devices=("0",), gpus_per_pack=0).slots, Local(devices=("0",)).slots) == (cores(), 1)


@pytest.mark.parametrize(
    ("engine", "devices"),
    [
        (Local(devices=("0", "GPU-b")), ["0", "GPU-b"]),
        (Local(devices=("2",), gpus_per_pack=0.5), ["2", "2"]),
        (Local(devices=("0",), gpus_per_pack=0, n_jobs=2), ["", ""]),
    ],
)
def test_each_worker_has_its_own_gpu_or_share_of_one_all_the_time(
    engine: Local, devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    found = set(results(engine, all_engines.device, range(5)).values())
    assert sorted(own for _, own in found) == devices


def test_the_gpu_of_a_worker_that_died_is_used_again() -> None:
    found = results(Local(devices=("a",)), all_engines.gpu_of_the_dead, ["killed", ""])
    assert found == {0: KILLED, 1: "a"}


def test_workers_that_die_before_their_first_item_end_no_sweep(
    engine: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_serve", all_engines.die)
    found = results(engine, all_engines.square, range(6))
    assert sorted(found) == list(range(6))
    assert set(found.values()) == {KILLED}


def test_an_item_that_cannot_travel_is_a_loss_and_no_other_with_it(engine: Local) -> None:
    found = results(engine, all_engines.fate, ["a", lambda: None, "b"])
    assert (found[0], found[2]) == ("a", "b")
    assert "pickle" in found[1].reason


def test_a_result_that_cannot_be_read_here_is_a_loss_and_no_other_with_it(engine: Local) -> None:
    found = results(engine, all_engines.unreadable, [0, 1, 0, 0])
    assert {index: found[index] for index in (0, 2, 3)} == {0: 0, 2: 0, 3: 0}
    assert found[1].reason.startswith("ValueError: invalid literal")


def test_an_idle_worker_that_is_killed_is_replaced(engine: Local) -> None:
    pids: set[int] = set()
    found: dict[int, Any] = {}
    for event in engine.run(all_engines.square, [1, 2, 3, 4, 5]):
        if isinstance(event, Said):
            pids.add(event.message[1])
        if isinstance(event, Ended):
            found[event.index] = event.result
            if len(found) == 1:  # its worker is idle now
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                    assert gone(pid)
    assert found.keys() == set(range(5))
    assert sum(isinstance(result, Died) for result in found.values()) <= 2


def test_a_worker_has_the_environment_and_folder_of_now_and_ignores_ctrl_c(
    engine: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results(engine, all_engines.square, [1, 2])  # the server of workers runs, started before the changes
    monkeypatch.setenv("COLOUR", "green")
    monkeypatch.chdir(tmp_path)
    expected = ("green", str(tmp_path), True)
    assert results(engine, all_engines.surroundings, [0, 1]) == {0: expected, 1: expected}


PROGRAM = """
import sys
from lossbench.engines.events import Said
from lossbench.engines.local import Local
from engine_behaviours import hang

if __name__ == "__main__":
    try:
        for event in Local(n_jobs=2).run(hang, [1, 2]):
            if isinstance(event, Said):
                print(event.message, flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("how", ["ctrl-c", "killed"])
def test_no_worker_outlives_its_parent(tmp_path: Path, how: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py")]
    environment = os.environ | {"PYTHONPATH": str(Path(all_engines.__file__).parent)}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment,
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
