"""How many threads compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Operations of a pack are too small to share between threads, and other packs train on the other cores.

    Measured: with a second thread a pack of 120 takes as long alone, and ten times as long where the cores
    are busy, since the threads then wait for each other. And the last bits of a product may depend on it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
