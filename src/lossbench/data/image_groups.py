"""Groups of images by what is in the names of their files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lossbench.errors import InputError


def found_groups(names: Sequence[str], pattern: str) -> tuple[str, ...]:
    """What a regular expression finds in each name, its first group in brackets where it has one.

    Raises:
        InputError: it is none, or finds nothing in a name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"data.group={pattern} is no regular expression ({error}): write what of a file's name is its "
            "group, as in 'data.group=\"^[^_]+\"'."
        ) from error
    found = []
    for name in names:
        match = compiled.search(name.rsplit("/", 1)[-1])
        if match is None:
            raise InputError(
                f"data.group={pattern} finds no group in the name of {name}: each file needs one."
            )
        found.append(match[1] if compiled.groups else match[0])
    return tuple(found)
