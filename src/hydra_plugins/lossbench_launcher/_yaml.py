"""The YAML files of a job's folder, written by libyaml: the same text in a third of the time.

Of the 11 ms that `run_job` took per job, half went into PyYAML's own writer, and one more into OmegaConf's
way from nodes to plain values. OmegaConf's dumper is kept but for its base class, which PyYAML offers in
both makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any
from unittest import mock

import yaml  # type: ignore[import-untyped]
from omegaconf import Node, OmegaConf, omegaconf
from omegaconf._utils import get_omega_conf_dumper


@contextmanager
def quick_yaml() -> Iterator[None]:
    """`OmegaConf.to_yaml` is fast in here, where PyYAML was built with libyaml."""
    if not yaml.__with_libyaml__:
        yield
        return

    class Dumper(yaml.CDumper):  # type: ignore[misc]
        """A class of its own: representers belong to a class."""

    Dumper.add_representer(str, get_omega_conf_dumper().str_representer)
    original = OmegaConf.to_container

    def to_container(config: Any, **options: Any) -> Any:
        as_written = options == {"resolve": False, "enum_to_str": True}  # as `to_yaml` asks
        return _as_written(config) if as_written else original(config, **options)

    with (
        mock.patch.object(omegaconf, "get_omega_conf_dumper", return_value=Dumper),
        mock.patch.object(OmegaConf, "to_container", staticmethod(to_container)),
    ):
        yield


def _as_written(node: Node) -> Any:
    """What a node holds, in plain values: interpolations and missing values stay the words that they are."""
    value = node._value()
    if isinstance(value, dict):
        return {_name(key): _as_written(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_as_written(child) for child in value]
    return _as_written(value) if isinstance(value, Node) else _name(value)  # a union holds a node


def _name(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value
