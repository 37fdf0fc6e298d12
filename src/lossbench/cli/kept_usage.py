"""Help at once: its text is kept in the cache, by the files that it is made of.

Making it imports every data set, loss and model, and Hydra to read the command line: half a second, of which
kept text takes a seventh.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import lossbench
from lossbench.cli import command
from lossbench.config.folders import conf_dir
from lossbench.data.archive import cache_folder

_FILE = "usage.txt"


def show() -> None:
    """Print the help on what ships, and end the process."""
    command.run("lossbench", lambda _: print(kept_usage()), None)


def kept_usage() -> str:
    """The text of `usage.usage`, made anew where a file of lossbench has changed, and kept."""
    known, place = _fingerprint(), cache_folder() / _FILE
    with suppress(OSError, UnicodeError):
        made_of, _, text = place.read_text("utf-8").partition("\n")
        if made_of == known:
            return text
    from lossbench.cli.usage import usage

    text = usage()
    with suppress(OSError):  # a cache that cannot be written, or is full, costs time alone
        _keep(place, f"{known}\n{text}")
    return text


def _fingerprint() -> str:
    """What files the text is made of, in which state."""
    told = "\n".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in _files())
    return hashlib.sha256(f"{lossbench.__version__}\n{told}".encode()).hexdigest()


def _files() -> Iterator[Path]:
    yield from sorted(Path(lossbench.__file__).parent.rglob("*.py"))
    yield from sorted(conf_dir().rglob("*.yaml"))


def _keep(place: Path, text: str) -> None:
    """Whole or not at all: others may write and read it meanwhile."""
    place.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f"{_FILE}.", dir=place.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
