"""Each shortcut gives what Hydra and OmegaConf give without it."""

from __future__ import annotations

import copy
import enum
import gc
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.conf import HydraConf
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import MISSING, DictConfig, OmegaConf, base, omegaconf, open_dict, read_write
from omegaconf.errors import GrammarParseError, InterpolationKeyError, ReadonlyConfigError, ValidationError

from hydra_plugins.lossbench_launcher._quick import QuickConfig, hurried, quick, share_node, without

CONF = Path(__file__).parents[2] / "conf"
# PyYAML's two writers disagree about control characters and line separators, which no config holds.
# Half an interpolation is no config in either way.
WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ufeff")
).filter(lambda text: "${" not in text)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS)


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
    by_colour: dict[Colour, int] = field(default_factory=lambda: {Colour.RED: 1})
    nothing: dict[str, int] = MISSING
    told: str = "${.number} of ${oc.env:NO_SUCH_NAME}"
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


def test_a_copy_without_a_key_has_the_rest_of_omegaconfs(config: DictConfig) -> None:
    expected = copy.deepcopy(config)
    key = next(iter(config))
    with read_write(expected), open_dict(expected):
        del expected[key]
    copied = without(quick(config), key)
    assert nodes(copied) == nodes(expected)
    assert key in config


def test_a_pickle_is_a_plain_config(config: DictConfig) -> None:
    loaded = pickle.loads(pickle.dumps(quick(config)))
    assert type(loaded) is DictConfig
    assert type(loaded.hydra) is DictConfig
    assert nodes(loaded) == nodes(copy.deepcopy(config))


def test_one_text_means_in_each_config_what_stands_there() -> None:
    texts = {"nested": "${x.${key}}", "called": "${oc.decode:'${n}'}", "words": "a${n}b${x.one}", "n": None}
    with hurried():
        for n in (1, 2, 1):
            config = OmegaConf.create({**texts, "n": n, "key": "one", "x": {"one": n * 10}})
            assert (config.nested, config.called, config.words) == (n * 10, n, f"a{n}b{n * 10}")


def test_faults_are_told_each_time() -> None:
    with hurried():
        for _ in range(2):
            with pytest.raises(InterpolationKeyError):
                print(OmegaConf.create({"a": "${no.such}"}).a)
            with pytest.raises(GrammarParseError):
                OmegaConf.create({"a": "${"})


@given(st.dictionaries(WORDS, st.one_of(PLAIN, st.lists(PLAIN), st.dictionaries(WORDS, PLAIN))))
def test_the_text_means_the_same_as_omegaconfs_own(content: dict[str, object]) -> None:
    config = OmegaConf.create(content)
    slow = OmegaConf.to_yaml(config)
    with hurried():
        quickly = OmegaConf.to_yaml(config)
    assert yaml.safe_load(quickly) == yaml.safe_load(slow)


@pytest.mark.parametrize("overrides", [[], ["experiment=outliers"], ["data=faces", "loss=triplet"]])
def test_the_files_of_a_job_are_the_same_to_the_letter(overrides: list[str]) -> None:
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("config", overrides, return_hydra_config=True)
    for part in (config, config.hydra):
        slow = OmegaConf.to_yaml(part)
        with hurried():
            assert OmegaConf.to_yaml(part) == slow


@pytest.mark.parametrize("sort_keys", [False, True])
def test_every_kind_of_node_is_written_as_it_stands(sort_keys: bool) -> None:
    config = OmegaConf.create({"b": OmegaConf.structured(Inner), "a": [1, "${b.either}", None, {}]})
    slow = OmegaConf.to_yaml(config, sort_keys=sort_keys)
    with hurried():
        assert OmegaConf.to_yaml(config, sort_keys=sort_keys) == slow


def test_all_is_as_it_was_afterwards() -> None:
    def state() -> tuple[Any, ...]:
        return (
            base.__dict__["parse"],
            omegaconf.get_omega_conf_dumper,
            gc.get_threshold(),
            gc.get_freeze_count(),
            OmegaConf.to_yaml,
        )

    before = state()
    with hurried():
        assert not any(now is then for now, then in zip(state(), before, strict=True))
    assert state() == before
    with pytest.raises(KeyError), hurried():
        raise KeyError
    assert state() == before


def test_the_next_copy_alone_shares_hydra_s_node(config: DictConfig) -> None:
    fast = quick(config)
    before = nodes(fast)
    share_node(fast)
    first, second = copy.deepcopy(fast), copy.deepcopy(fast)
    assert first._get_node("hydra") is fast._get_node("hydra")
    with read_write(first), open_dict(first):
        del first["hydra"]  # as `run_job` does at once
    assert nodes(first) == nodes(without(config, "hydra"))
    assert nodes(fast) == nodes(second) == before
    assert second._get_node("hydra") is not fast._get_node("hydra")
    share_node(config)  # which is no fast one
    assert copy.deepcopy(config)._get_node("hydra") is not config._get_node("hydra")


def test_members_are_asked_for_as_before() -> None:
    content = {"a": {"b": 1}, "l": [1], "n": None, "m": "???", "i": "${a}", "_content": {"x": 1}}
    plain = OmegaConf.create({"top": content, "hydra": content})
    fast = quick(plain)
    for slow, own in ((plain, fast), (plain.hydra, fast.hydra)):
        for key in (*content, "hydra", "top", "none", "__name__", "_flags"):
            found = [_asked(config, key) for config in (slow, own)]
            assert found[0] == found[1]
    OmegaConf.set_struct(fast, True)
    with pytest.raises(AttributeError, match="none"):
        _ = fast.none


def _asked(config: Any, key: str) -> Any:
    try:
        found = getattr(config, key)
    except Exception as error:
        return type(error), str(error)
    return DictConfig if isinstance(found, DictConfig) else type(found), found
