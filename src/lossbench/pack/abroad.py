"""Packs on other machines, which share a folder with this one: that of LOSSBENCH_CACHE.

There lie archives of data, teachers, features and checkpoints.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lossbench.data.archive import cache_folder
from lossbench.errors import InputError
from lossbench.pack.fate import MemberResult
from lossbench.pack.said import Curves, Trained
from lossbench.pack.work import Work, fit_pack

_NAME = "shared-with"


@dataclass(frozen=True)
class Unseen:
    """What a pack says whose machine does not see the folder."""

    host: str
    folder: Path

    def __str__(self) -> str:
        return (
            f"The machine {self.host} does not see the folder {self.folder} of this one: it must fetch data "
            "itself, and its packs do not go on where they were interrupted; let LOSSBENCH_CACHE name a "
            "folder that all machines share."
        )


@dataclass(frozen=True)
class Mark:
    """A file in the folder by which a worker knows it."""

    path: Path
    content: str

    @staticmethod
    def of_cache() -> Mark:
        """That of this machine's, made where there is none.

        Raises:
            InputError: the folder cannot be written.
        """
        path = cache_folder() / _NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError), path.open("x") as file:
                file.write(uuid.uuid4().hex)
            return Mark(path, path.read_text())
        except OSError as error:
            raise InputError(
                f"{path.parent} cannot be written ({error.strerror}): let LOSSBENCH_CACHE name a folder that "
                "all machines share."
            ) from None

    def seen(self) -> bool:
        try:
            return self.path.read_text() == self.content
        except OSError:
            return False


def fit_abroad(
    work: Work, send: Callable[[Trained | Curves | Unseen], None], mark: Mark
) -> list[MemberResult]:
    """As `fit_pack`, on a machine that may not see the folder of the one that plans."""
    os.environ["LOSSBENCH_CACHE"] = str(mark.path.parent)
    if not mark.seen():
        send(Unseen(socket.gethostname(), mark.path.parent))
    return fit_pack(work, send)
