"""The kinds of error that are shown to a person without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """A fault of the input: one sentence that names it and the remedy."""


class RunFailedError(Exception):
    """A run that has no result: its loss raised, or its worker died. Its MLflow run holds the traceback."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Half a sentence for a misspelt name: the nearest known one, then all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), [own.lower() for own in names], n=1)
    hint = next((f"did you mean {own!r}? " for own in names if near and own.lower() == near[0]), "")
    return f"{hint}known: {', '.join(names)}"


def unknown_knob(key: str, owner: str, known: Iterable[str]) -> str:
    """Half a sentence for a knob that its owner, such as `loss=huber`, does not have."""
    names = sorted(known)
    if not names:
        return f"{key} is no knob of {owner}, which has none"
    return f"{key} is no knob of {owner} ({suggestion(key.rpartition('.')[2], names)})"
