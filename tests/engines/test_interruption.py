"""Ctrl-C on a real terminal: what was interrupted stands there, below the display, and not under it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lossbench.engines.interruption import ended_by_sigterm, put_off

SWEEP = "-m loss=mse,huber seed=0,1 trainer.max_epochs=100000 data.train_size=100 model.hidden=[8]"
SECONDS = 120.0


def test_ctrl_c_says_on_the_terminal_what_it_ended(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    command = ["setsid", "--ctty", "--wait", sys.executable, "-m", "lossbench", *SWEEP.split()]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower, env=environment
    ) as program:
        os.close(follower)
        shown, pressed, until = b"", False, time.monotonic() + SECONDS
        with contextlib.suppress(OSError):  # how Linux says that nobody has the other end any more
            while time.monotonic() < until and (part := os.read(leader, 4096)):
                shown += part
                if not pressed and re.search(rb"epochs .* left", shown):  # it trains
                    pressed = bool(os.write(leader, b"\x03"))
        if program.poll() is None and time.monotonic() >= until:
            program.kill()  # it would train for hours
    os.close(leader)
    assert program.returncode == 130
    said, after = shown.decode(errors="replace").split(
        "interrupted: 0 of 4 runs ended; the same command trains"
    )
    assert re.search(r"epochs [^\n]*\r\n[^\n]*$", said)  # the display has ended with a line of its own
    assert "\x1b" not in after  # and nothing is drawn over the words
    assert "Traceback" not in said + after


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_what_must_not_be_left_half_done_is_done_before_an_interruption(
    number: signal.Signals, raised: type[BaseException]
) -> None:
    done = []

    def work() -> None:
        with put_off():
            os.kill(os.getpid(), number)
            time.sleep(0.01)
            done.append("first")
        done.append("second")

    with ended_by_sigterm(), pytest.raises(raised):
        work()
    assert done == ["first"]
