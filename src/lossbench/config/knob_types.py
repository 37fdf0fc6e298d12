"""What the annotation of a knob means: its type, resolved as Python does, and its values in one spelling."""

from __future__ import annotations

import dataclasses
import math
import shlex
import sys
import types
import typing
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from inspect import get_annotations
from pathlib import Path
from typing import Any

from lossbench.config.quoting import typed
from lossbench.errors import InputError

_MANY = (list, tuple, set, frozenset, Sequence, Set)
_SETS = (set, frozenset, Set)
_ALLOWED: Mapping[type, tuple[tuple[type, ...], str]] = {
    float: ((int, float), "a number"),
    int: ((int,), "a whole number"),
    bool: ((bool,), "true or false"),
    str: ((str,), "a text"),
}


@dataclass(frozen=True)
class Type:
    """The type of a knob.

    item: float, int, bool, str or Path: of the value, or of each item; None where it is anything else.
    many: it is a list.
    unordered: it is a set.
    optional: None is one of its values.
    """

    item: type | None = None
    many: bool = False
    unordered: bool = False
    optional: bool = False

    def check(self, path: str, value: Any) -> None:
        """Refuse a value of another type for the knob at `path`."""
        if self.item is None or self.item not in _ALLOWED:
            return
        types_, words = _ALLOWED[self.item]
        listed = isinstance(value, (list, tuple, set, frozenset))
        items = value if listed else [value]
        fits = all(isinstance(x, types_) and (self.item is bool or not isinstance(x, bool)) for x in items)
        if not fits or self.many != listed:
            what = f"a list, each item {words}" if self.many else words
            remedy = ""
            if self.many and not listed and fits:
                text = isinstance(value, str)
                line = typed(path, [value]) if text else shlex.quote(f"{path}=[{str(value).lower()}]")
                remedy = f"; one item is typed as {line}"
            raise InputError(f"{path} must be {what}; got {value!r}{remedy}.")

    def canonical(self, value: Any) -> Any:
        """A checked value in its one spelling: floats are floats, paths paths, lists tuples, sets sorted."""
        if isinstance(value, (list, tuple, set, frozenset)) and self.many:
            items = [self._one(item) for item in value]
            if self.unordered:
                items = sorted(set(items), key=lambda item: (str(type(item)), item))
            return tuple(items)
        return self._one(value)

    def _one(self, value: Any) -> Any:
        if self.item is Path and isinstance(value, str):
            return Path(value)
        number = is_number(value) and self.item is float
        return float(value) + 0.0 if number else value  # adding 0.0: -0.0 is 0.0


def is_number(value: Any) -> bool:
    """Whether a value is a number, which true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """A value as JSON holds it, equal for equal values.

    Raises:
        TypeError: it is an object of another kind.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{value!r} has no spelling in a config")


def one_spelling(value: Any) -> Any:
    """A plain value of which nothing else is known: a number that is whole is written so, 2 for 2.0."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: one_spelling(inner) for key, inner in value.items()}
    return [one_spelling(item) for item in value] if isinstance(value, list) else value


@lru_cache(maxsize=256)
def types_of(owner: type) -> Mapping[str, Type]:
    """The types of a dataclass's fields, with or without `from __future__ import annotations` in its file.

    An annotation that cannot be resolved, because its name is imported for type checkers alone, is unknown.
    """
    homes = {name: base.__module__ for base in reversed(owner.__mro__) for name in get_annotations(base)}
    return {field.name: type_of(field.type, homes[field.name]) for field in dataclasses.fields(owner)}


def type_of(annotation: Any, module: str) -> Type:
    """The type that an annotation in a module means."""
    return _type(_resolved(annotation, module))


def _resolved(annotation: Any, module: str) -> Any:
    holder = types.SimpleNamespace(__annotations__={"knob": annotation})
    try:
        return typing.get_type_hints(holder, globalns=vars(sys.modules[module]))["knob"]
    except Exception:  # whatever evaluating a text may raise
        return None


def _type(hint: Any) -> Type:
    parts = [hint]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = list(typing.get_args(hint))
    optional = type(None) in parts
    parts = [part for part in parts if part is not type(None)]
    if set(parts) == {int, float}:
        parts = [float]
    if len(parts) != 1:
        return Type(optional=optional)
    (part,) = parts
    origin = typing.get_origin(part) or part
    if origin not in _MANY:
        return Type(_item(part), optional=optional)
    items = {item for item in typing.get_args(part) if item is not Ellipsis}
    item = _item(next(iter(items))) if len(items) == 1 else None
    return Type(item, many=True, unordered=origin in _SETS, optional=optional)


def _item(hint: Any) -> type | None:
    return hint if hint in (*_ALLOWED, Path) else None
