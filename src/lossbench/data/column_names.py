"""Names of columns as a config gives them, and as the file has them."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossbench.config.quoting import typed
from lossbench.data import csv_reading
from lossbench.data.column_reading import Reading
from lossbench.errors import InputError, suggestion

_SHOWN = 12  # names of columns in a sentence
_ALSO = {"numbers": ("time",), "categories": ("time",)}  # what splits by time may be predicted from, too


def with_names_of(names: list[str], options: Reading, place: Path) -> Reading:
    """The options with names as the file has them: of 1e3 or True, a config knows the value alone.

    Raises:
        InputError: a name is no column, occurs twice, or stands in two knobs that exclude each other.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{place.name} has several columns named {', '.join(twice)}: rename or remove them.")
    found: dict[str, tuple[str, ...]] = {}
    owners: dict[str, str] = {}
    for knob in ("target", "group", "time", "drop", "numbers", "categories"):
        given = getattr(options, knob) or ()
        wanted = (given,) if isinstance(given, str) else given
        found[knob] = tuple(_name_of(name, names, f"data.{knob}", options, place) for name in wanted)
        for name in found[knob]:
            if owners.setdefault(name, knob) not in (knob, *_ALSO.get(knob, ())):
                raise InputError(
                    f"{typed(f'data.{owners[name]}', name)} is also in data.{knob}: it can be only one."
                )
    many: dict[str, Any] = {knob: found[knob] for knob in ("drop", "numbers", "categories")}
    one: dict[str, Any] = {knob: next(iter(found[knob]), None) for knob in ("group", "time")}
    return replace(options, target=found["target"][0], **one, **many)


def _name_of(name: str, names: list[str], knob: str, options: Reading, place: Path) -> str:
    if name in names:
        return name
    same = [own for own in names if _value(own) == _value(name)]
    if len(same) == 1:
        return same[0]
    separator = csv_reading.separated_by(names[0], options.separator) if len(names) == 1 else ""
    known = f"its first line asks for {separator}; " if separator else ""
    raise InputError(f"{knob}={name} is no column of {place.name} ({known}{_nearest(name, names)}).")


def _value(name: str) -> float | str:
    """What YAML makes of a name."""
    try:
        return float(name)
    except ValueError:
        return name.lower() if name.lower() in ("true", "false") else name


def _nearest(name: str, names: list[str]) -> str:
    """`suggestion`, of a wide table with the nearest names alone."""
    near = difflib.get_close_matches(name, names, n=_SHOWN, cutoff=0.0)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{suggestion(name, near)}{more}"
