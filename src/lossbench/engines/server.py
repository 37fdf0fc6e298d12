"""The one clean process that workers are forked from."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker

from lossbench.engines.events import ONE_THREAD


def warm(preload: Sequence[str]) -> None:
    """Start importing modules beside this process, so that workers are there when they are wanted.

    Workers are forked from one clean server process that holds these modules: nearly as fast as fork (where
    importing torch and Lightning takes seconds per worker), their memory is shared, and it copies none of
    this process's threads, locks, CUDA state or open databases. The first call in a process decides. The
    server ends with this process: who reads our output through a pipe waits for all that hold it.
    """
    atexit.unregister(stop)  # once is enough
    atexit.register(stop)
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(list(preload))
    before = dict(os.environ)
    os.environ.update(ONE_THREAD)  # libraries read it when they load, which is in the server
    # Ctrl-C reaches the whole group of processes, and is for this one to handle: the server inherits this.
    resource_tracker.ensure_running()  # which would let the signal through again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.environ.clear()
        os.environ.update(before)


def stop() -> None:
    """End the server at once, which may be importing or about to fork; a later `warm` starts another."""
    import psutil

    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if any("multiprocessing.forkserver" in word for word in child.cmdline()):
                child.kill()
