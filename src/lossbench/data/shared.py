"""Inputs that many members of a pack hold are held once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


def while_used(make: Callable[..., T]) -> Callable[..., T]:
    """Like `functools.cache`, but a result is forgotten once nobody holds it any more.

    So the members of a pack with one seed share one tensor however many seeds there are, and after the
    pack its memory is free. Arguments are positional and hashable; results allow weak references.
    """
    held: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()

    @wraps(make)
    def shared(*arguments: Hashable) -> T:
        result: T | None = held.get(arguments)
        if result is None:
            result = held[arguments] = make(*arguments)
        return result

    return shared
