from __future__ import annotations

import copy
import enum
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra.conf import HydraConf
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import ReadonlyConfigError, ValidationError

from hydra_plugins.lossbench_launcher._copy import QuickConfig, copy_without, quick


class Colour(enum.Enum):
    RED = 1


@dataclass
class Inner:
    number: int = 3
    either: int | str = 4
    colour: Colour = Colour.RED
    path: Path = Path("a/b")
    raw: bytes = b"\x00"
    names: list[str] = field(default_factory=lambda: ["x"])
    table: dict[str, float] = field(default_factory=lambda: {"a": 1.5})
    absent: int | None = None
    wanted: str = MISSING


@pytest.fixture
def config() -> DictConfig:
    config = OmegaConf.create({"inner": Inner(), "hydra": HydraConf(), "free": {"list": [1, {"k": None}]}})
    config.free.link = "${inner.number}"
    config.free.missing = "???"
    OmegaConf.set_struct(config, True)
    OmegaConf.set_readonly(config.free, True)
    return config


def nodes(config: Any, path: str = "") -> dict[str, tuple[Any, ...]]:
    """Every node with its type, type hints, flags and value."""
    metadata = {k: v for k, v in vars(config._metadata).items() if k != "resolver_cache"}
    kind = DictConfig if isinstance(config, QuickConfig) else type(config)
    content = config.__dict__.get("_content", config.__dict__.get("_val"))
    if isinstance(content, (dict, list)):
        children = content.items() if isinstance(content, dict) else enumerate(content)
        found = {path: (kind, metadata)}
        for key, child in children:
            assert child._get_parent() is config
            found |= nodes(child, f"{path}.{key}")
        return found
    if hasattr(content, "_metadata"):
        return {path: (kind, metadata)} | nodes(content, f"{path}|")
    return {path: (kind, metadata, content)}


def test_a_copy_has_the_nodes_types_and_flags_of_omegaconf_s_deep_copy(config: DictConfig) -> None:
    expected = nodes(copy.deepcopy(config))
    assert nodes(quick(config)) == expected
    assert nodes(copy.deepcopy(quick(config))) == expected


def test_a_copy_without_a_node_is_a_copy_that_lost_it(config: DictConfig) -> None:
    expected = copy.deepcopy(config)
    OmegaConf.set_struct(expected, False)
    del expected["hydra"]
    OmegaConf.set_struct(expected, True)
    assert nodes(copy_without(quick(config), "hydra")) == nodes(expected)


def test_a_copy_remembers_what_resolvers_have_answered(config: DictConfig) -> None:
    config._metadata.resolver_cache["now"]["%Y"] = "2026"
    config._metadata.resolver_cache["made"][()] = ["changes"]
    cache = copy.deepcopy(quick(config))._metadata.resolver_cache
    assert cache == config._metadata.resolver_cache
    cache["made"][()].append("more")
    cache["now"]["%m"] = "11"
    assert config._metadata.resolver_cache == {"now": {"%Y": "2026"}, "made": {(): ["changes"]}}


def test_a_copy_shares_nothing_that_can_change(config: DictConfig) -> None:
    original = quick(config)
    before = OmegaConf.to_yaml(original)
    clone = copy.deepcopy(original)
    clone.inner.number = 8
    clone.inner.names.append("y")
    clone.inner.table["a"] = 2.5
    clone.inner.either = "text"
    clone.hydra.overrides.task.append("a=1")
    OmegaConf.set_struct(clone, False)
    clone.new = 1
    assert OmegaConf.to_yaml(original) == before
    assert OmegaConf.is_struct(original)
    assert clone.free.link == 8


def test_a_copy_keeps_types_and_read_only_parts(config: DictConfig) -> None:
    clone = copy.deepcopy(quick(config))
    with pytest.raises(ValidationError):
        clone.inner.number = "many"
    with pytest.raises(ReadonlyConfigError):
        clone.free.list = []


def test_cached_values_of_resolvers_are_copied_not_shared(config: DictConfig) -> None:
    counter = iter(range(9))
    OmegaConf.register_new_resolver("once", lambda: next(counter), use_cache=True, replace=True)
    original = quick(OmegaConf.create({"hydra": {}, "a": "${once:}"}))
    assert original.a == 0
    clone = copy.deepcopy(original)
    assert clone.a == 0
    OmegaConf.clear_cache(clone)
    assert (clone.a, original.a) == (1, 0)


def test_a_pickle_is_a_plain_config(config: DictConfig) -> None:
    loaded = pickle.loads(pickle.dumps(quick(config)))
    assert type(loaded) is DictConfig
    assert type(loaded.hydra) is DictConfig
    assert nodes(loaded) == nodes(copy.deepcopy(config))
