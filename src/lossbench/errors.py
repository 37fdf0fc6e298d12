"""The kinds of error that are shown to a person without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

_LINE = 200  # characters of a list in a sentence that a person reads to its end


class InputError(Exception):
    """A fault of the input: one sentence that names it and the remedy."""


class RunFailedError(Exception):
    """A run that has no result: its loss raised, or its worker died. Its MLflow run holds the traceback."""


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its type where it says nothing."""
    return " ".join((str(error).strip().splitlines() or [type(error).__name__])[0].split())


def suggestion(name: str, known: Iterable[str]) -> str:
    """Half a sentence for a misspelt name: the nearest known one, then all of them, as far as they fit."""
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), [own.lower() for own in names], n=1)
    hint = next((f"did you mean {own!r}? " for own in names if near and own.lower() == near[0]), "")
    return f"{hint}known: {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    """Names one after another; of very many the first, and how many more there are."""
    fitting = next((n for n in range(len(names)) if len(", ".join(names[: n + 1])) > _LINE), len(names))
    more = f" and {len(names) - fitting} more" if fitting < len(names) else ""
    return f"{', '.join(names[:fitting])}{more}"


def knobs_of(node: Mapping[str, Any], hidden: Collection[str] = ()) -> list[str]:
    """The keys of a node and, with dots, those of the nodes in it; without those that only Hydra reads."""
    found = []
    for key, value in node.items():
        name = str(key)
        if name.startswith("_") or name in hidden:
            continue
        inner = knobs_of(value) if isinstance(value, Mapping) else []
        found += [f"{name}.{own}" for own in inner] or [name]
    return found


def unknown_knob(key: str, owner: str, known: Iterable[str]) -> str:
    """Half a sentence for a knob (`loss.alpha`) that its owner (`loss=huber`) does not have.

    Args:
        known: the knobs that it has, those of its parts with a dot, such as `function.alpha`.
    """
    names = sorted(known)
    if not names:
        return f"{key} is no knob of {owner}, which has none"
    part, _, name = key.rpartition(".")
    if inside := [own for own in names if own.endswith(f".{name}")]:
        return (
            f"{key} is no knob of {owner} (did you mean {f'{part}.{inside[0]}'!r}? known: {', '.join(names)})"
        )
    return f"{key} is no knob of {owner} ({suggestion(name, names)})"
