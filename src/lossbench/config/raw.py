"""What a config holds, as plain Python: read from its nodes, without OmegaConf's checks of each value.

Measured on the config of a job: 0.03 ms, where `OmegaConf.to_container` takes 0.35.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from omegaconf import DictConfig, ListConfig

_PLAIN = (str, int, float, bool, type(None))


class Unusual(Exception):  # noqa: N818 - not an error: OmegaConf reads this one itself
    """A node that is left to OmegaConf."""


def raw(node: Any, *, enum_to_str: bool = False) -> Any:
    """What `OmegaConf.to_container` gives: interpolations, and what is missing, as they stand.

    Raises:
        Unusual: it holds something else than mappings by text, lists, texts, numbers, and nothing.
    """
    if isinstance(node, DictConfig):
        content = node.__dict__["_content"]
        if not isinstance(content, dict):
            return content  # None, missing or an interpolation
        if any(type(key) is not str for key in content):
            raise Unusual
        return {key: raw(own, enum_to_str=enum_to_str) for key, own in content.items()}
    if isinstance(node, ListConfig):
        content = node.__dict__["_content"]
        return (
            [raw(own, enum_to_str=enum_to_str) for own in content] if isinstance(content, list) else content
        )
    value = node._value()
    if enum_to_str and isinstance(value, Enum):
        return value.name
    if type(value) not in _PLAIN:
        raise Unusual
    return value


def members(node: Any) -> dict[str, Any]:
    """The nodes in a mapping, by their keys.

    Raises:
        Unusual: it is none, or nothing, missing or an interpolation stands in its place.
    """
    content = node.__dict__["_content"] if isinstance(node, DictConfig) else None
    if not isinstance(content, dict):
        raise Unusual
    return content


def inside(node: Any, *keys: str) -> Any:
    """The node at a path, as it stands.

    Raises:
        Unusual: there is none, or something else than a mapping stands above it.
    """
    for key in keys:
        try:
            node = members(node)[key]
        except KeyError:
            raise Unusual from None
    return node


def settled(node: Any) -> Any:
    """What it holds, where nothing in it is left to OmegaConf: else None."""
    try:
        content = raw(node)
    except Unusual:
        return None
    return None if unsettled(content) else content


def unsettled(content: Any) -> bool:
    """Whether a value in what `raw` gave is missing, or has an interpolation."""
    if isinstance(content, dict):
        return any(unsettled(own) for own in content.values())
    if isinstance(content, list):
        return any(unsettled(own) for own in content)
    return isinstance(content, str) and ("${" in content or content == "???")
