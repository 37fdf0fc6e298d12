"""Standard output and error: every sign can be written, and a reader that has gone ends nothing."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from pathlib import Path

# What a terminal shows instead of signs that it lacks; others are written as Python escapes them.
_PLAIN = {"→": "->", "±": "+-", "≤": "<=", "≥": ">=", "…": "..."}
_PLAIN |= dict(zip("↑↓─━╸╺│•", "^v----|*", strict=True))
_ERRORS = "lossbench.plain"


def settle() -> None:
    """Let both streams write what their encoding lacks in plain signs; to be called before all printing.

    A stream that was closed at the start (`>&-`) is None in Python: what is written to it goes nowhere.
    """
    codecs.register_error(_ERRORS, _plainly)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # what stands for a stream in a test or a notebook
            stream.reconfigure(errors=_ERRORS)  # type: ignore[union-attr]


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    if all(sign in _PLAIN for sign in missing):
        return "".join(_PLAIN[sign] for sign in missing), error.end
    one = UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    sign = missing[0]
    return (_PLAIN[sign], error.start + 1) if sign in _PLAIN else codecs.backslashreplace_errors(one)


def flushed() -> bool:
    """Write out what is held back; False where nobody reads it any more, and then nothing complains later."""
    alive = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            alive = False
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return alive
