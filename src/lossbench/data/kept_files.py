"""What is computed once and kept in the cache folder, in a file named by what decides it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lossbench.data.archive import cache_folder
from lossbench.errors import InputError


def place_of(kind: str, parts: Iterable[str], suffix: str) -> Path:
    """Where the cache keeps what follows from these texts alone; its folder is there.

    Args:
        kind: the folder in the cache, as `images`.

    Raises:
        InputError: the cache cannot be written.
    """
    folder = cache_folder() / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The data cache {folder} cannot be used ({error.strerror or error}): "
            "set LOSSBENCH_CACHE to a folder that can be written."
        ) from error
    return folder / f"{hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()}.{suffix}"


@contextmanager
def written(place: Path) -> Iterator[Path]:
    """A file to be written, which is at its place once it is whole: others see all of it or nothing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=place.stem[:16], suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """A folder to be filled, at its place once it is whole; that of another process that was faster stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f"{folder.name[:16]}-", dir=folder.parent))
    try:
        yield aside
        try:
            aside.replace(folder)
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
