"""Ctrl-C and SIGTERM: both end a sweep in order, with its records closed."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTIONS = (KeyboardInterrupt, SystemExit)


class Told(KeyboardInterrupt):
    """A Ctrl-C of which has been said what it ended."""


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the program, with the exit status that shells expect; by default it ends at once."""
    if threading.current_thread() is not threading.main_thread():  # where Python allows no handler
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def put_off() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the end of this block, which must not be left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for one in came[:1]:
        signal.raise_signal(one)


def _leave(number: int, frame: Any) -> None:
    sys.exit(128 + number)
