"""What glibc does with memory that is free; elsewhere nothing here does anything."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of malloc.h


def trim() -> None:
    """Give it back to the system: glibc keeps what lies between objects.

    Measured on a sweep of 2,400 runs: 230 of 1,160 MiB of the process that recorded them.
    """
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Tell glibc not to return large blocks to the system before the end; elsewhere nothing happens.

    A step allocates and frees several copies of all weights. By default each of them is mapped afresh and
    zeroed page by page: measured, 12% of the time of a stack of 120 small models, and more than half of the
    time of a stack of word tables. What is free at the end goes back, so that packs do not add up.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "mallopt") else None
