"""Help at once: its text is kept in the cache, by the files that it is made of.

Making it imports every data set, loss and model, and Hydra to read the command line: half a second, of which
kept text takes a fifth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import lossbench
from lossbench.cli import command
from lossbench.config.folders import conf_dir
from lossbench.data.archive import cache_folder
from lossbench.data.kept_files import written

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
    # A cache that cannot be written, or is full, costs time alone.
    with suppress(OSError), written(place) as part:
        part.write_text(f"{known}\n{text}", "utf-8")
    return text


def _fingerprint() -> str:
    """What files the text is made of, in which state."""
    told = "\n".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in _files())
    return hashlib.sha256(f"{lossbench.__version__}\n{told}".encode()).hexdigest()


def _files() -> Iterator[Path]:
    yield from sorted(Path(lossbench.__file__).parent.rglob("*.py"))
    yield from sorted(conf_dir().rglob("*.yaml"))
