"""An item on its way to a worker of another machine, and what is done with it there."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossbench.engines.events import Send, call


@dataclass(frozen=True)
class Parcel:
    """Opened only where its modules can be imported, which may lie in the parent's folder."""

    content: bytes  # the pickled function and item
    folder: str  # of the parent, which relative paths start from
    path: tuple[str, ...]  # of the parent's imports

    @staticmethod
    def of(function: Callable[..., Any], item: Any) -> Parcel:
        """Pack what is to be done as the parent would do it."""
        return Parcel(pickle.dumps((function, item)), str(Path.cwd()), tuple(sys.path))

    def work(self, send: Send) -> Any:
        """In a worker: the function's result, or its Died."""
        return call(_unpacked, self, send)


def _unpacked(parcel: Parcel, send: Send) -> Any:
    try:
        os.chdir(parcel.folder)
    except OSError:
        raise FileNotFoundError(
            f"the machine {socket.gethostname()} does not see {parcel.folder}; start the sweep in a folder "
            "on a disk that all machines share"
        ) from None
    sys.path[:] = dict.fromkeys([*parcel.path, *sys.path])
    function, item = pickle.loads(parcel.content)
    return function(item, send)
