"""What a process of `engines.local` is: one thread, one pipe to its parent, and gone with its parent."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import connection, parent_process
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Send = Callable[[Any], None]

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_outbox: list[connection.Connection] = []  # filled once, by `begin`, and only in a worker


def begin(outbox: connection.Connection, environment: dict[str, str], folder: str) -> None:
    """Make this process a worker, deaf to Ctrl-C, which is for the parent to handle.

    It has the parent's environment and folder: the server that it was forked from may have had others.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # what the server has imported is no garbage; a search of it would copy the shared memory
    threading.Thread(target=_follow_parent, name="lossbench-parent", daemon=True).start()
    _outbox.append(outbox)
    os.environ.update(environment | ONE_THREAD)
    os.chdir(folder)
    if "torch" in sys.modules:  # else it reads the environment when it is imported
        sys.modules["torch"].set_num_threads(1)


def _follow_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def work(function: Callable[[Item, Send], Result], item: Item) -> Result:
    """Run one item in this worker."""
    return function(item, _outbox[0].send)
