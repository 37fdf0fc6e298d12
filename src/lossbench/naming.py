"""Names of experiments: an experiment in MLflow, a folder of files, and a word on the command lines."""

from __future__ import annotations

import re
from typing import Any

from lossbench.errors import InputError

ANATOMY = "anatomy"  # the report that needs no runs

_MOST_BYTES = 255  # of a file name
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r"(?P<mark>['\"])(?P<text>.*)(?P=mark)", re.DOTALL)


def checked_name(value: Any) -> str:
    """The name under which runs are recorded, from what a config holds.

    Raises:
        InputError: it is no text, or no name of a folder, or taken.
    """
    if isinstance(value, (bool, float)):
        raise InputError(
            f"experiment.name must be a text, and was read as {value!r}; choose another, or quote it twice, "
            "as in 'experiment.name=\"1e3\"'."
        )
    if not isinstance(value, (str, int)) or not str(value).strip():
        raise InputError(f"experiment.name must be a text that is not empty; got {value!r}.")
    name = str(value)
    if len(name.encode("utf-8", "replace")) > _MOST_BYTES or _CONTROL.search(name):
        raise InputError(
            f"experiment.name must be one line of at most {_MOST_BYTES} characters, without tabs; "
            f"got {len(name)} that begin with {name[:30]!r}."
        )
    if not is_file_name(name):
        raise InputError(
            f"experiment.name={name} cannot name the folder of a report; "
            "leave out slashes and backslashes, as in experiment.name=first_try."
        )
    if name.casefold() == ANATOMY:
        raise InputError(f"experiment.name={name} is the name of the report without runs; choose another.")
    return name


def is_file_name(name: str) -> bool:
    """Whether a name means one entry of the folder that it is put into."""
    return name not in ("", ".", "..") and not re.search(r"[/\\\0]", name)


def spoken(text: str) -> str:
    """A name as it stands on a command line: as it is, or in quotes, as Hydra wants some."""
    quoted = _QUOTED.fullmatch(text)
    return quoted["text"] if quoted else text
