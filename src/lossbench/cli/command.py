"""What every command has in common: help, Ctrl-C, faults, and a reader that has gone."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import IO

from lossbench import __version__
from lossbench.cli import streams
from lossbench.engines.interruption import Told
from lossbench.errors import InputError, suggestion


def run(name: str, main: Callable[[Sequence[str]], int | None], usage: str | None) -> None:
    """Give the command line to `main`, and end with its status.

    Exits with 2 where the input is refused (one sentence on stderr; HYDRA_FULL_ERROR=1 shows tracebacks),
    with 130 where Ctrl-C ended it, and with 1 where nobody reads what it prints.

    Args:
        name: what the sentence begins with.
        usage: what `--help` prints: the docstring of the command's module; None where `main` does it.
            `--version` prints lossbench's.
    """
    streams.settle()
    # Configs, records and rows are made by the hundred thousand and stay: each search for garbage among them
    # finds none. Measured on a report on 10,000 runs: 10.6 and 11.3 s without this, 9.4 and 9.8 with it.
    gc.set_threshold(50_000, 20, 20)
    try:
        status: int | str = _status(name, main, usage)
    except SystemExit as error:
        status = error.code or 0
    except BrokenPipeError:  # who read the output has gone
        status = 1
    sys.exit(status if streams.flushed() else status or 1)


def _status(name: str, main: Callable[[Sequence[str]], int | None], usage: str | None) -> int:
    arguments = sys.argv[1:]
    verbose = os.environ.get("HYDRA_FULL_ERROR") == "1"
    if usage and {"-h", "--help"} & set(arguments):
        print(usage.strip())
        return 0
    if "--version" in arguments:
        print(f"lossbench {__version__}")
        return 0
    try:
        return main(arguments) or 0
    except KeyboardInterrupt as error:
        if not isinstance(error, Told):
            beside = "\n" if sys.stderr.isatty() else ""  # where the terminal shows ^C
            print(f"{beside}{name}: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        from lossbench.cli.refusals import is_told, sentence  # only now: Hydra takes a moment to import

        if verbose or not is_told(error):
            raise
        print(wrapped(f"{name}: {sentence(error, arguments)}", sys.stderr), file=sys.stderr)
        return 2


def options(arguments: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Assignments `key=value`; refused where an argument is none, or of an unknown key."""
    given: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not value:
            raise InputError(f"{argument!r} is not understood; write key=value, as in experiment=outliers.")
        if key not in known:
            raise InputError(f"{key} is no option ({suggestion(key, known)}).")
        given[key] = value
    return given


def wrapped(text: str, stream: IO[str]) -> str:
    """Text broken between words where the stream is a terminal; elsewhere one line, which can be searched."""
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
