"""Overrides as a person has to type them: Hydra wants inner quotes where a shell needs outer ones."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NO_TEXT = {"true", "false", "null", "nan", "inf"}  # which Hydra reads as other than texts
_KNOB = re.compile(r"[~+]*[\w/@]+(?:\.[\w/@]+)+")


def typed(key: str, value: str | Sequence[str]) -> str:
    """`key=value` for a shell and Hydra behind it; a sequence becomes a list.

    >>> print(typed("data.target", "x #1"))
    'data.target="x #1"'
    """
    inner = quoted(value) if isinstance(value, str) else f"[{','.join(map(quoted, value))}]"
    return shlex.quote(f"{key}={inner}")


def corrected(override: str, *, sweep: bool) -> str | None:
    """What to type instead of an override that Hydra cannot read: the same, with its texts in quotes.

    Args:
        sweep: commas outside of brackets stand between values.

    Returns:
        None where quotes are no remedy: it sets no knob, its brackets do not close, or it holds signs that a
        line cannot show, such as a line's end.
    """
    key, _, value = override.partition("=")
    if not _KNOB.fullmatch(key) or not _closed(value) or not value.isprintable():
        return None
    if value.startswith("[") and value.endswith("]"):
        inner = f"[{','.join(map(quoted, _items(value[1:-1])))}]"
    elif value.startswith(("{", "=")):
        return None
    else:
        inner = ",".join(map(quoted, _items(value))) if sweep else quoted(value)
    return shlex.quote(f"{key}={inner}") if parsed(f"{key}={inner}") else None


def quoted(text: str) -> str:
    """A text as Hydra reads it as this text: in quotes where it would be something else without."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(text=text, quote=Quote.double).with_quotes()


def _items(values: str) -> list[str]:
    """The values between commas, without the quotes that one may have already."""
    items = [item.strip() for item in values.split(",")]
    return [item[1:-1] if re.fullmatch(r"'.+'|\".+\"", item) else item for item in items]


def _closed(value: str) -> bool:
    waiting = []
    for sign in value:
        if sign in "([{":
            waiting.append({"(": ")", "[": "]", "{": "}"}[sign])
        elif sign in ")]}" and (not waiting or waiting.pop() != sign):
            return False
    return not waiting


def parsed(override: str) -> Override | None:
    """What Hydra reads of an override; None where it cannot read it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None
