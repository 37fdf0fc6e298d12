"""Which experiment a report is asked for: read as text, because names may look like numbers or YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lossbench.config.naming import spoken
from lossbench.errors import InputError, suggestion

_KEYS = ("name", "judge", "select")


@dataclass(frozen=True)
class Named:
    """What `experiment=` and `experiment.*=` say; None where they say nothing.

    yaml: a YAML of an experiment, or the name under which runs were recorded
    name: the name under which they were recorded, where the YAML gives another
    judge, select: test metric that judges and validation metric that chooses, instead of the YAML's
    """

    yaml: str | None = None
    name: str | None = None
    judge: str | None = None
    select: str | None = None

    @property
    def set(self) -> dict[str, str]:
        """What stands instead of the YAML's own."""
        return {key: value for key in _KEYS if (value := getattr(self, key)) is not None}


def named(arguments: Sequence[str]) -> tuple[Named, list[str]]:
    """What a command line says of the experiment, and its other arguments.

    Raises:
        InputError: it says it twice, or sets what a report cannot.
    """
    found: dict[str, str] = {}
    others = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        part, _, knob = key.partition(".")
        if part != "experiment":
            others.append(argument)
            continue
        if knob and knob not in _KEYS:
            raise InputError(f"{key} is no option of a report ({suggestion(knob, _KEYS)}).")
        if key in found:
            raise InputError(f"{key} is set twice; set it once.")
        found[key] = spoken(value)
    values = {key: found.get(f"experiment.{key}") or None for key in _KEYS}
    return Named(found.get("experiment") or values["name"], **values), others
