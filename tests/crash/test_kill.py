"""After kill -9, Ctrl-C or a dead worker the same command ends with the numbers of an undisturbed sweep."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest

Folder = Any  # the classes of conftest.py, which tests cannot import
NewFolder = Callable[..., Any]
Undisturbed = tuple[list[tuple[object, ...]], float]


def ends_as_undisturbed(folder: Folder, undisturbed: Undisturbed) -> None:
    """The same command again leaves one result for each run, equal to the bit, and nothing open."""
    status, said = folder.run()
    assert status == 0, said
    assert folder.numbers() == undisturbed[0]
    assert folder.running() == []
    assert not (folder.path / "lossbench-checkpoints").exists()


def kill_at_random(folders: list[Folder], undisturbed: Undisturbed, seed: int) -> None:
    moments = random.Random(seed)
    for folder in folders:
        program = folder.start()
        time.sleep(moments.uniform(0, undisturbed[1]))
        program.kill()
        ends_as_undisturbed(folder, undisturbed)


def test_a_killed_sweep_loses_nothing(folder: Folder, undisturbed: Undisturbed) -> None:
    kill_at_random([folder], undisturbed, 1)


@pytest.mark.slow
def test_a_sweep_killed_at_twenty_moments_loses_nothing(
    new_folder: NewFolder, undisturbed: Undisturbed
) -> None:
    kill_at_random([new_folder(str(i)) for i in range(20)], undisturbed, 2)


@pytest.mark.slow
def test_one_sweep_killed_again_and_again_goes_on_from_its_checkpoints(
    folder: Folder, undisturbed: Undisturbed
) -> None:
    for number in range(8):
        program = folder.start()
        time.sleep(undisturbed[1] * (0.1 + 0.05 * number))
        program.kill()
    ends_as_undisturbed(folder, undisturbed)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_a_sweep_that_is_asked_to_end_does_so_in_order(
    folder: Folder, undisturbed: Undisturbed, number: signal.Signals, expected: int
) -> None:
    program = folder.start()
    folder.wait_for("RUNNING")
    os.killpg(program.pid, number)
    status, said = program.wait()
    assert status == expected, said
    assert "Traceback" not in said
    assert "the same command trains the others" in said
    assert folder.statuses().keys() <= {"KILLED", "FINISHED"}
    assert "KILLED" in folder.statuses()
    ends_as_undisturbed(folder, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_sweep_that_trained_finished_runs_again_and_was_interrupted_leaves_nothing_behind(
    folder: Folder, undisturbed: Undisturbed, number: signal.Signals
) -> None:
    """The same command has nothing to train then, and still something to put in order."""
    assert folder.run()[0] == 0
    program = folder.start("tracking.resume=false")
    folder.wait_for("FINISHED", 8)  # two keys have a second result, two more have begun
    folder.wait_for("RUNNING")
    os.killpg(program.pid, number)
    program.wait()
    assert "0 of 6 runs to train, 6 finished" in folder.run()[1]
    assert folder.numbers() == undisturbed[0]
    assert folder.running() == []
    assert folder.not_marked() == 6
    assert not (folder.path / "lossbench-checkpoints").exists()


@pytest.mark.slow
def test_a_sweep_killed_before_its_summaries_gets_them_from_the_same_command(folder: Folder) -> None:
    program = folder.start()
    folder.wait_for("FINISHED", 6)
    program.kill()
    folder.run("hydra.sweep.dir=again")
    assert [kind for (kind,) in folder.kinds()].count("summary") == 2


LONG = "trainer.max_epochs=120"  # worth worker processes


def workers(program: int) -> list[psutil.Process]:
    """The processes that train: children of the server that they are forked from."""
    found = []
    for child in psutil.Process(program).children():
        with suppress(psutil.Error):  # it ends at this very moment
            if "forkserver" in " ".join(child.cmdline()):
                found += child.children()
    return found


@pytest.mark.slow
def test_a_killed_worker_takes_only_its_pack_with_it(new_folder: NewFolder) -> None:
    alone, folder = (new_folder(name) for name in ("alone", "disturbed"))
    assert alone.run(LONG, here=False)[0] == 0
    program = folder.start(LONG, here=False)
    folder.wait_for_checkpoint()
    workers(program.pid)[0].kill()
    status, said = program.wait()
    assert status == 1
    assert "was killed by SIGKILL" in said
    lost = folder.statuses()["FAILED"]
    assert folder.statuses() == {"FAILED": lost, "FINISHED": 6 - int(str(lost))}
    assert set(folder.numbers()) < set(alone.numbers())
    assert folder.run(LONG, here=False)[0] == 0
    assert folder.numbers() == alone.numbers()


@pytest.mark.slow
def test_workers_killed_at_random_moments_lose_nothing(new_folder: NewFolder) -> None:
    alone = new_folder("alone")
    begun = time.monotonic()
    assert alone.run(LONG, here=False)[0] == 0
    length = time.monotonic() - begun
    moments, killed = random.Random(3), 0
    for number in range(10):
        folder = new_folder(str(number))
        program = folder.start(LONG, here=False)
        time.sleep(moments.uniform(0.2, 0.9) * length)
        for worker in moments.sample(found := workers(program.pid), min(1, len(found))):
            worker.kill()
            killed += 1
        status, said = program.wait()
        assert (status == 1) == ("was killed by SIGKILL" in said), said
        assert "Traceback" not in said
        assert set(folder.numbers()) <= set(alone.numbers())
        assert folder.run(LONG, here=False)[0] == 0
        assert folder.numbers() == alone.numbers()
        assert folder.running() == []
    assert killed >= 5


@pytest.mark.slow
def test_ctrl_c_ends_the_workers_too(folder: Folder) -> None:
    program = folder.start(LONG, here=False)
    folder.wait_for_checkpoint()
    processes = psutil.Process(program.pid).children(recursive=True)
    os.killpg(program.pid, signal.SIGINT)
    status, said = program.wait()
    assert (status, "Traceback" in said) == (130, False), said
    assert folder.running() == []
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []
