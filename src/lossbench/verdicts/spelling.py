"""Values of params: MLflow holds texts, a person types YAML, and what is compared is what both mean."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from lossbench.config.knob_types import is_number, one_spelling


def in_words(param: str) -> str:
    """A param without its group: `data.label_noise` is `label noise`, the class of an object its place.

    And `data.knobs.label_noise`, of a data set within another, is `label noise`, too.
    """
    return param.removeprefix("data.knobs.").split(".", 1)[-1].removesuffix("._target_").replace("_", " ")


def value_of(cell: Any) -> Any:
    """What a cell of a table of runs holds: a number, true or false, a list, a text; None where it is empty.

    A text is read as MLflow holds values: `true`, `null`, `[8, 8]`, `0.1`; any other text is itself.
    """
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, float) and math.isnan(cell):
        return None
    if not isinstance(cell, str):
        return list(cell) if isinstance(cell, tuple) else cell
    try:
        value = json.loads(cell, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return cell
    return cell if isinstance(value, (dict, str)) else value


def _no_number(name: str) -> float:
    raise ValueError(name)


def same(cell: Any, wanted: Any) -> bool:
    """Whether a cell holds a value, however both are spelt: `1` is 1.0, `true` is not 1."""
    here, there = value_of(cell), value_of(wanted)
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(map(same, here, there))
    if is_number(here) and is_number(there):
        return math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-12)
    return type(here) is type(there) and bool(here == there)


def show(value: Any) -> str:
    """A value as a person writes it: `0.1`, `true`, `null`, `[8,8]`."""
    if isinstance(value, (float, np.floating)):
        return f"{value:g}"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(show, value))}]"
    return "null" if value is None else str(value)


def spelled(cell: Any) -> Any:
    """A cell that stands beside texts, in one spelling of all its digits: `[8,8]`, `0.5`; a text as it is."""
    value = value_of(cell)
    if isinstance(value, list) or is_number(value):
        return json.dumps(one_spelling(value), separators=(",", ":"), ensure_ascii=False)
    return show(value) if isinstance(value, bool) else cell


def sorting(cell: Any) -> tuple[int, tuple[float, ...], str]:
    """Sorts numbers by size, then lists of numbers, then texts."""
    value = value_of(cell)
    if is_number(value):
        return (0, (float(value),), "")
    if isinstance(value, list) and all(map(is_number, value)):
        return (1, tuple(map(float, value)), "")
    return (2, (), str(cell))
