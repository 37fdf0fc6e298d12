"""From values of Python to the overrides of a command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lossbench.config.quoting import quoted
from lossbench.errors import InputError


def overrides(values: Mapping[str, Any]) -> list[str]:
    """`key=value` for each of them, without a shell's quotes.

    A list is swept, as commas are on the command line; a tuple is one value that is a list.

    >>> overrides({"loss": ["mse", "mae"], "model.hidden": (64, 64), "seed": range(3), "trials": None})
    ['loss=mse,mae', 'model.hidden=[64,64]', 'seed=range(0,3)', 'trials=null']

    Raises:
        InputError: a list without values, or a value that no command line can say.
    """
    return [f"{key}={_swept(key, value)}" for key, value in values.items()]


def _swept(key: str, value: Any) -> str:
    if isinstance(value, range):
        _has_values(key, value)
        step = f",{value.step}" if value.step != 1 else ""
        return f"range({value.start},{value.stop}{step})"
    if isinstance(value, list):
        _has_values(key, value)
        return ",".join(_one(key, each) for each in value)
    return _one(key, value)


def _has_values(key: str, values: Sequence[Any]) -> None:
    if not values:
        raise InputError(f"{key} is an empty list: give it at least one value.")


def _one(key: str, value: Any) -> str:
    """One value in Hydra's grammar."""
    if hasattr(value, "item") and not isinstance(value, (str, bytes)) and getattr(value, "ndim", 1) == 0:
        value = value.item()  # a number of NumPy's
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float() if not math.isfinite(value):
            return str(value)
        case int() | float():
            return repr(value)
        case str() | Path():
            return quoted(str(value))
        case tuple() | list():  # within a list that is swept, each is one value, too
            return f"[{','.join(_one(key, each) for each in value)}]"
    raise InputError(
        f"{key} is a {type(value).__name__}, which no command line can say: give it a number, a text, or a "
        "list of them."
    )
