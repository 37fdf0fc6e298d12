"""A command of its own beside `python -m lossbench`: help, Ctrl-C and faults end as they do there."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import IO

from lossbench import __version__
from lossbench.cli import streams


def run(name: str, main: Callable[[Sequence[str]], int | None], usage: str | None) -> None:
    """Give the command line to `main`, and end with its status.

    Exits with 2 where the input is refused (one sentence on stderr; HYDRA_FULL_ERROR=1 shows tracebacks), and
    with 130 where Ctrl-C ended it.

    Args:
        name: what the sentence begins with.
        usage: what `--help` prints: the docstring of the command's module; `--version` prints lossbench's.
    """
    streams.settle()
    try:
        status = _status(name, main, usage)
    except BrokenPipeError:  # who read the output has gone
        status = 1
    sys.exit(status if streams.flushed() else status or 1)


def _status(name: str, main: Callable[[Sequence[str]], int | None], usage: str | None) -> int:
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        print((usage or "").strip())
        return 0
    if "--version" in arguments:
        print(f"lossbench {__version__}")
        return 0
    try:
        return main(arguments) or 0
    except KeyboardInterrupt:
        print(f"{name}: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        from lossbench.cli.refusals import is_told, sentence  # only now: Hydra takes a moment to import

        if os.environ.get("HYDRA_FULL_ERROR") == "1" or not is_told(error):
            raise
        print(wrapped(f"{name}: {sentence(error, arguments)}", sys.stderr), file=sys.stderr)
        return 2


def wrapped(text: str, stream: IO[str]) -> str:
    """Text broken between words where the stream is a terminal; elsewhere one line, which can be searched."""
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
