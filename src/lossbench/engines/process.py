"""Which process works on a record, and whether it still lives."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from functools import lru_cache

# A process of another machine cannot be asked. Its records are given up after this time.
FOREIGN_LIFE_SECONDS = 24 * 3600.0
_CLOCK_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True)
class Process:
    """One process of one machine; the start time tells it from a later one with the same number."""

    host: str
    pid: int
    started: float  # seconds since the epoch

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.started:.2f}"

    @staticmethod
    def parse(text: str) -> Process | None:
        """The process of a tag, or None where the text is not one."""
        try:
            host, pid, started = text.rsplit(":", 2)
            return Process(host, int(pid), float(started))
        except ValueError:
            return None

    def lives(self, last_seen: float, believed: float = FOREIGN_LIFE_SECONDS) -> bool:
        """Whether it still runs.

        Args:
            last_seen: seconds since the epoch; a process of another machine is believed to live until
                `believed` seconds after it.
        """
        if self.host != socket.gethostname():
            return time.time() - last_seen < believed
        import psutil

        try:
            process = psutil.Process(self.pid)
            same: bool = abs(process.create_time() - self.started) < _CLOCK_TOLERANCE_SECONDS
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True


def this_process() -> Process:
    """The process that calls, also after a fork."""
    return _process(os.getpid())


@lru_cache(maxsize=4)
def _process(pid: int) -> Process:
    import psutil

    return Process(socket.gethostname(), pid, psutil.Process(pid).create_time())
