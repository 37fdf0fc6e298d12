"""Memory that training gives back is kept for the next step."""

from __future__ import annotations

import ctypes
import functools
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of malloc.h


@functools.cache
def keep_freed_memory() -> None:
    """Tell glibc not to return large blocks to the system; where there is no glibc, nothing happens.

    A step allocates and frees several copies of all weights. By default each of them is mapped afresh and
    zeroed page by page: measured, 12% of the time of a stack of 120 small models, and more than half of the
    time of a stack of word tables.
    """
    if sys.platform != "linux":
        return
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_MMAP_MAX, 0)
        tune(_TRIM_THRESHOLD, 2**31 - 1)
