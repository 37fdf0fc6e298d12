"""What a YAML of `conf/` becomes: a frozen description whose knobs know their range.

Modules that declare choices (data sets, models, losses, optimizers) import torch, numpy and scikit-learn
for typing or inside the functions that compute, never at the top: a config is then refused in well under
a second, where importing torch alone takes two.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC
from collections.abc import Sequence
from typing import Any

from lossbench.errors import InputError, suggestion

_PLAIN = (bool, int, float, str, bytes, list, tuple, dict)
# What tensors can hold: whole numbers of 64 bits; other numbers in single precision, with room to compute.
_LARGEST_WHOLE, _LARGEST = 2**63 - 1, 1e30


def knob(
    default: Any = dataclasses.MISSING,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    choices: Sequence[Any] | None = None,
    optional: bool = False,
) -> Any:
    """A dataclass field with a range that is checked when the object is made.

    Args:
        default: the value where the YAML names none.
        above, at_least, below, at_most: open and closed bounds; for a list they hold for each item.
        choices: the only values allowed.
        optional: None is allowed, and means that the feature is off.
    """
    bounds = {"above": above, "at_least": at_least, "below": below, "at_most": at_most}
    metadata = {"bounds": bounds, "choices": choices, "optional": optional}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Knobs(ABC):  # noqa: B024 - so that a subclass which lacks one of its methods cannot be made
    """Base of everything whose fields a config sets.

    Raises:
        InputError: a knob is of the wrong type or out of its range.
    """

    group = "knobs"  # the part of the config: data, model, loss, optimizer, trainer, pack, tracking

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            # Under torch.func.vmap a member's knob is a tensor; it was checked before it was stacked.
            if field.metadata and (value is None or isinstance(value, _PLAIN)):
                _check(f"{self.group}.{field.name}", field, value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice(Knobs):
    """Base of everything a config names. `name` is what the command line, YAML and MLflow call it.

    Raises:
        InputError: as `Knobs`, or it has no name.
    """

    name: str

    group = "choice"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"{self.group}.name must be a text that is not empty; got {self.name!r}.")


def _check(path: str, field: dataclasses.Field[Any], value: Any) -> None:
    if value is None:
        if not field.metadata.get("optional"):
            raise InputError(f"{path} must be set; it is null.")
        return
    choices = field.metadata.get("choices")
    if choices is not None:
        if value not in choices:
            raise InputError(f"{path}={value} is not allowed ({suggestion(str(value), map(str, choices))}).")
        return
    items = value if isinstance(value, (list, tuple)) else [value]
    _check_type(path, str(field.type).removesuffix(" | None"), value, items)
    for item in items:
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            where = path if items is not value else f"each item of {path}"
            _check_bounds(where, field.metadata.get("bounds", {}), item)


def _check_type(path: str, kind: str, value: Any, items: Sequence[Any]) -> None:
    many = kind.startswith(("list", "tuple"))
    inner = kind.split("[")[-1].rstrip("]").split(",")[0] if many else kind
    allowed: dict[str, tuple[tuple[type, ...], str]] = {
        "float": ((int, float), "a number"),
        "int": ((int,), "a whole number"),
        "bool": ((bool,), "true or false"),
        "str": ((str,), "a text"),
    }
    if inner not in allowed:
        return
    types, words = allowed[inner]
    fits = all(isinstance(x, types) and (bool in types or not isinstance(x, bool)) for x in items)
    if not fits or many != (items is value):
        what = f"a list, each item {words}" if many else words
        raise InputError(f"{path} must be {what}; got {value!r}.")


def _check_bounds(path: str, bounds: dict[str, float | None], number: float) -> None:
    tests = {
        "above": lambda bound: number > bound,
        "at_least": lambda bound: number >= bound,
        "below": lambda bound: number < bound,
        "at_most": lambda bound: number <= bound,
    }
    wanted = [f"{k.replace('_', ' ')} {v:g}" for k, v in bounds.items() if v is not None]
    failed = any(v is not None and not tests[k](v) for k, v in bounds.items())
    if isinstance(number, float) and not math.isfinite(number):
        wanted, failed = ["finite", *wanted], True
    elif isinstance(number, int) and abs(number) > _LARGEST_WHOLE:
        wanted, failed = [*wanted, "at most 2^63 - 1"], True
    elif abs(number) > _LARGEST:
        wanted, failed = [*wanted, f"at most {_LARGEST:g}"], True
    if failed:
        raise InputError(f"{path} must be {' and '.join(wanted)}; got {number}.")
