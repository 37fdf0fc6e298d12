"""A record of a dead process is never taken for one in training, nor the other way round."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time

from lossbench.engines.process import FOREIGN_LIFE_SECONDS, Process, this_process


def test_this_process_lives_and_reads_itself_back() -> None:
    process = this_process()
    assert process.pid == os.getpid()
    assert process.lives(0)
    again = Process.parse(str(process))
    assert again is not None
    assert again.lives(0)


def test_an_ended_process_is_dead_also_as_a_zombie() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody has taken notice
    process = dataclasses.replace(this_process(), pid=child.pid, started=time.time())
    assert not process.lives(time.time())
    child.communicate()
    assert not process.lives(time.time())


def test_a_new_process_under_an_old_number_is_another() -> None:
    process = this_process()
    assert not dataclasses.replace(process, started=process.started - 60).lives(time.time())


def test_another_machine_is_believed_for_a_day() -> None:
    process = dataclasses.replace(this_process(), host="another", pid=1)
    assert process.lives(time.time() - FOREIGN_LIFE_SECONDS / 2)
    assert not process.lives(time.time() - FOREIGN_LIFE_SECONDS * 2)


def test_what_is_no_process_is_none() -> None:
    assert Process.parse("") is None
    assert Process.parse("host:one:two") is None
