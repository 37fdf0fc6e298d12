"""The one kind of error that is shown to a person without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """A fault of the input: one sentence that names it and the remedy."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Half a sentence for a misspelt name: the nearest known one, then all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(names)}"
