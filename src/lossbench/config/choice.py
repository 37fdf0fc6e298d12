"""What a YAML of `conf/` becomes: a frozen description whose knobs know their range.

Modules that declare choices (data sets, models, losses, optimizers) import torch, numpy and scikit-learn
for typing or inside the functions that compute, never at the top: a config is then refused in well under
a second, where importing torch alone takes two.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lossbench.config.knob_types import Type, is_number, one_spelling, plain, types_of
from lossbench.config.search import Search
from lossbench.errors import InputError, suggestion

_PLAIN = (bool, int, float, str, bytes, list, tuple, dict, set, frozenset)
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
    unordered: bool = False,
    place: bool = False,
    later: bool = False,
    search: Search | None = None,
    asked: bool = False,
) -> Any:
    """A dataclass field with a range that is checked when the object is made.

    Its type is checked too, and that of a field without `knob`.

    Args:
        default: the value where the YAML names none.
        above, at_least, below, at_most: open and closed bounds; for a list they hold for each item.
        choices: the only values allowed.
        optional: None is allowed, and means that the feature is off.
        unordered: a list whose order means nothing; it is sorted, and holds each item once.
        place: where files lie, which is no part of what a run is: their content is.
        later: it came when runs had been recorded without it: at its default it is no part of what a run is.
        search: where a fair search looks, of `config.search`; None: nowhere, unless it is swept.
        asked: it looks there where `tune` names the knob alone, not where it names the group.

    Raises:
        InputError: the search would leave what is allowed.
    """
    bounds = {"above": above, "at_least": at_least, "below": below, "at_most": at_most}
    metadata: dict[str, Any] = {"bounds": bounds, "choices": choices, "optional": optional}
    metadata |= {"unordered": unordered, "place": place, "later": later}
    metadata |= {"search": search, "asked": asked}
    for value in search.ends if search else ():
        _check(f"search={search}: each value", metadata, Type(), value)
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Knobs(ABC):  # noqa: B024 - so that a subclass which lacks one of its methods cannot be made
    """Base of everything whose fields a config sets.

    A value is kept in one spelling, so that `1` and `1.0` of a float make equal objects.

    Raises:
        InputError: a knob is of the wrong type or out of its range.
    """

    part = "knobs"  # the part of the config: data, model, loss, optimizer, trainer, pack, tracking

    def __init_subclass__(cls) -> None:
        """What a contract asks for, such as `reads`, is a knob only where a subclass writes `knob(...)`."""
        super().__init_subclass__()
        bases = [base for base in cls.__bases__ if dataclasses.is_dataclass(base)]
        knobs = {field.name for base in bases for field in dataclasses.fields(base)}
        asked = {name for base in bases for name in (*dir(base), *base.__dataclass_fields__)} - knobs
        for name in asked.intersection(cls.__annotations__):
            if not isinstance(getattr(cls, name, None), dataclasses.Field):
                cls.__annotations__[name] = ClassVar

    def __post_init__(self) -> None:
        known = types_of(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            # Under torch.func.vmap a member's knob is a tensor; it was checked before it was stacked.
            if not field.init or not (value is None or isinstance(value, _PLAIN)):
                continue
            kind = known[field.name]
            if field.metadata:
                _check(f"{self.part}.{field.name}", field.metadata, kind, value)
            elif value is not None and field.name != "name":  # of the name, Choice says what it must be
                kind.check(f"{self.part}.{field.name}", value)
            if field.metadata.get("unordered"):
                kind = dataclasses.replace(kind, unordered=True)
            _set_if_other(self, field.name, value, kind.canonical(value))

    @property
    def unsaid(self) -> frozenset[str]:
        """Knobs that leave no trace in a record: they came later, and are at their defaults."""
        return frozenset(
            field.name
            for field in dataclasses.fields(self)
            if field.metadata.get("later") and getattr(self, field.name) == field.default
        )

    @property
    def when_unsaid(self) -> dict[str, Any]:
        """Of knobs that came later and are not at their defaults, those: what runs have that say nothing."""
        later = {f.name: f.default for f in dataclasses.fields(self) if f.metadata.get("later")}
        return {name: default for name, default in later.items() if name not in self.unsaid}

    def values(self) -> dict[str, Any]:
        """Every knob that has a plain value, equal for equal objects: lists as lists, defaults filled in.

        Without those that came later and are at their defaults.
        """
        known, found = types_of(type(self)), {}
        for field in dataclasses.fields(self):
            if field.init and field.name not in self.unsaid:
                try:
                    value = plain(getattr(self, field.name))
                except TypeError:  # an object that a nested `_target_` made: its config describes it
                    continue
                found[field.name] = value if known[field.name].item else one_spelling(value)
        return found


def _set_if_other(owner: Knobs, name: str, before: Any, after: Any) -> None:
    if type(before) is not type(after) or before != after or str(before) != str(after):  # -0.0 == 0.0
        object.__setattr__(owner, name, after)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice(Knobs):
    """Base of everything a config names. `name` is what the command line, YAML and MLflow call it."""

    name: str

    part = "choice"

    @classmethod
    def inner(cls, node: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The nodes of further choices that its node of the config names, by where their knobs stand."""
        return {}

    @classmethod
    def completed(cls, node: Mapping[str, Any]) -> dict[str, Any]:
        """Its node of the config, with what other files say of what it names.

        Raises:
            InputError: something lacks that training needs.
        """
        return dict(node)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"{self.part}.name must be a text that is not empty; got {self.name!r}.")


def _check(path: str, metadata: Mapping[str, Any], kind: Type, value: Any) -> None:
    if value is None:
        if not metadata.get("optional"):
            raise InputError(f"{path} must be set; it is null.")
        return
    choices = metadata.get("choices")
    if choices is not None:
        if value not in choices:
            raise InputError(f"{path}={value} is not allowed ({suggestion(str(value), map(str, choices))}).")
        return
    kind.check(path, value)
    items = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    for item in items:
        if is_number(item):
            where = path if items is not value else f"each item of {path}"
            _check_bounds(where, metadata.get("bounds", {}), item)


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
