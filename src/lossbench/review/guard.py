"""`python -m lossbench.review.guard COMMAND...`: a command that ends with the process that started it.

A process that is killed cannot end what it started. So the command's starter holds the other end of this
process's standard input, which closes however the starter ends; then the whole group of processes is killed.
The starter makes this process the leader of a session of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def _end_with_starter() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> int:
    """Run the command; its exit status, as a shell gives it."""
    guarded = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    # SIGTERM is sent to the group: the command ends by it, and this process tells how.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    status = guarded.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    # Not `sys.exit`: a thread that reads from standard input would hold it up.
    os._exit(main(sys.argv[1:]))
