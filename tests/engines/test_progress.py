from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.engines.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pipe() -> io.StringIO:
    return io.StringIO()


def test_a_pipe_gets_a_line_at_the_start_and_at_the_end_of_each_pack(pipe: io.StringIO, clock: Clock) -> None:
    with Progress(2, 30, 600, stream=pipe, clock=clock) as progress:
        progress.started(0)
        for _ in range(20):
            clock.now += 0.4
            progress.advance(0, 20)
        progress.done(0, 20, 20)
        clock.now += 5
        progress.started(1)
        progress.done(1, 10, 20, failed=1)
    assert pipe.getvalue().splitlines() == [
        "training 30 runs in 2 packs, 600 epochs in all",
        "packs 1/2 (1 queued), runs 20/30, epochs 400/600, 0:04 left",
        "packs 2/2, runs 30/30 (1 diverged or failed), epochs 600/600, 0:00 left",
    ]


def test_a_pipe_gets_a_line_every_ten_seconds_while_a_pack_trains(pipe: io.StringIO, clock: Clock) -> None:
    with Progress(1, 4, 400, stream=pipe, clock=clock) as progress:
        progress.started(0)
        for _ in range(30):
            clock.now += 1
            progress.advance(0, 4)
    lines = pipe.getvalue().splitlines()[1:]
    assert [re.findall(r"epochs (\d+)", line) for line in lines] == [["40"], ["80"], ["120"]]
    assert lines[-1] == "packs 0/1 (1 running), runs 0/4, epochs 120/400, 1:10 left"


def test_a_single_run_is_silent_for_two_seconds(pipe: io.StringIO, clock: Clock) -> None:
    with Progress(1, 1, 10, stream=pipe, clock=clock) as progress:
        for _ in range(10):
            clock.now += 0.15
            progress.advance(0, 1)
        progress.done(0, 1, 10)
    assert pipe.getvalue() == ""


def test_a_single_run_that_takes_longer_speaks(pipe: io.StringIO, clock: Clock) -> None:
    with Progress(1, 1, 10, stream=pipe, clock=clock) as progress:
        progress.started(0)
        clock.now += 11
        progress.advance(0, 1)
        clock.now += 99
        progress.done(0, 1, 10)
    assert pipe.getvalue().splitlines() == [
        "packs 0/1 (1 running), runs 0/1, epochs 1/10, time left unknown",
        "packs 1/1, runs 1/1, epochs 10/10, 0:00 left",
    ]


def test_packs_are_queued_then_running_then_done(pipe: io.StringIO, clock: Clock) -> None:
    with Progress(4, 8, 80, stream=pipe, clock=clock) as progress:
        progress.started(2)
        progress.started(0)
        progress.done(2, 2, 10)
        progress.started(1)
        progress.done(3, 2, 10)
    assert [line.split(", runs")[0] for line in pipe.getvalue().splitlines()[1:]] == [
        "packs 1/4 (1 running, 2 queued)",
        "packs 2/4 (2 running)",
    ]


def test_epochs_saved_by_early_stopping_count_as_done(pipe: io.StringIO, clock: Clock) -> None:
    with Progress(2, 4, 80, stream=pipe, clock=clock) as progress:
        progress.advance(0, 2, 5)
        progress.advance(0, 1, 3)  # one of the two has stopped
        progress.done(0, 2, 20)
        assert progress.epochs_done == 40


def test_the_time_left_does_not_count_what_came_before_the_first_epoch(
    pipe: io.StringIO, clock: Clock
) -> None:
    with Progress(1, 2, 40, stream=pipe, clock=clock) as progress:
        clock.now += 60  # imports and data
        progress.advance(0, 2)
        assert progress.left() is None
        clock.now += 3
        progress.advance(0, 2)
        assert progress.left() == pytest.approx(3 / 2 * 36)


def test_a_message_that_was_overtaken_by_the_end_of_its_pack_changes_nothing(
    pipe: io.StringIO, clock: Clock
) -> None:
    with Progress(2, 2, 20, stream=pipe, clock=clock) as progress:
        progress.done(0, 1, 10)
        progress.advance(0, 1, 10)
        assert progress.epochs_done == 10


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 6)), min_size=1, max_size=6), st.data())
def test_whatever_order_events_come_in_all_work_is_done_in_the_end(
    packs: list[tuple[int, int]], data: st.DataObject
) -> None:
    members = sum(size for size, _ in packs)
    total = sum(size * epochs for size, epochs in packs)
    with Progress(len(packs), members, total, stream=io.StringIO(), clock=Clock()) as progress:
        events = [(pack, size) for pack, (size, epochs) in enumerate(packs) for _ in range(epochs)]
        events += [(pack, 0) for pack in range(len(packs))]
        for pack, trained in data.draw(st.permutations(events)):
            if trained:
                progress.advance(pack, trained)
            else:
                progress.done(pack, *packs[pack])
            assert 0 <= progress.epochs_done <= total
    done = progress.packs_done, progress.members_done, progress.epochs_done
    assert done == (len(packs), members, total)


PROGRAM = """
from lossbench.engines.progress import Progress

with Progress(2, 6, 12) as progress:
    for pack in range(2):
        progress.started(pack)
        progress.advance(pack, 3)
        progress.done(pack, 3, 2, failed=pack)
print("the end")
"""


def read_terminal(leader: int) -> str:
    parts = []
    with contextlib.suppress(OSError):  # how Linux says that nobody has the other end any more
        while part := os.read(leader, 4096):
            parts.append(part)
    os.close(leader)
    return b"".join(parts).decode()


def test_a_terminal_gets_one_display_on_stderr_with_everything_in_it() -> None:
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, stderr=follower, stdout=subprocess.PIPE, text=True, env=environment
    ) as program:
        os.close(follower)
        shown = read_terminal(leader)
        assert program.stdout is not None
        assert program.stdout.read() == "the end\n"
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    last = plain.replace("\r", "").split("packs ")[-1]
    assert "2/2" in last
    assert re.search(r"runs .*6/6 .*1 diverged or failed", last)
    assert re.search(r"epochs .*12/12.*0:00 left", last)
    assert "training 6 runs" not in plain


def test_a_program_in_a_pipe_writes_plain_lines_to_stderr() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "the end\n"
    assert done.stderr.splitlines()[0] == "training 6 runs in 2 packs, 12 epochs in all"
    assert len(done.stderr.splitlines()) == 3
    assert "\x1b" not in done.stderr
