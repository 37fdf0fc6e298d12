"""What goes through the pipe of a worker: large arrays as they lie in memory, so that no end has them twice.

The predictions of a pack may take 100 MB. A pickle would be a second copy of them where they are sent, and a
third where they are read.
"""

from __future__ import annotations

import pickle
from multiprocessing.connection import Connection
from typing import Any

_LARGE = 100_000  # bytes of an array that travels apart


def send(pipe: Connection, value: Any) -> None:
    """Send what can be pickled.

    Raises:
        OSError: the other end is gone.
    """
    apart: list[memoryview] = []

    def is_small(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes >= _LARGE:
            apart.append(raw)
        return raw.nbytes < _LARGE

    told = pickle.dumps(value, protocol=5, buffer_callback=is_small)
    pipe.send_bytes(pickle.dumps((told, [raw.nbytes for raw in apart])))
    for raw in apart:
        pipe.send_bytes(raw)


def receive(pipe: Connection) -> Any:
    """What was sent; arrays can be written to.

    Raises:
        EOFError, OSError: the other end is gone, also in the middle.
    """
    told, sizes = pickle.loads(pipe.recv_bytes())
    apart = []
    for size in sizes:
        apart.append(bytearray(size))
        pipe.recv_bytes_into(apart[-1])
    return pickle.loads(told, buffers=apart)
