"""A config read from its nodes is what OmegaConf says that it holds."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from lossbench.config.raw import Unusual, raw, unsettled

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
TREES = st.recursive(
    VALUES | st.sampled_from(["???", "${a}", "x ${b.c}"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
    ),
)


class Colour(Enum):
    RED = 1


@given(st.dictionaries(st.text(min_size=1, max_size=5), TREES, max_size=4))
def test_it_is_what_omegaconf_gives(content: dict[str, Any]) -> None:
    try:
        config = OmegaConf.create(content)
    except Exception:  # what looks like an interpolation and is none
        return
    found = raw(config)
    assert repr(found) == repr(OmegaConf.to_container(config, resolve=False))
    settled = not any("${" in word or word == "???" for word in _texts(found))
    assert unsettled(found) is not settled
    if settled:
        assert repr(found) == repr(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))


def _texts(content: Any) -> list[str]:
    if isinstance(content, (dict, list)):
        parts = content.values() if isinstance(content, dict) else content
        return [text for part in parts for text in _texts(part)]
    return [content] if isinstance(content, str) else []


@pytest.mark.parametrize("content", [{"a": Path("x")}, {"a": [b"1"]}, {1: 2}, {"a": {True: 1}}])
def test_what_is_unusual_is_left_to_omegaconf(content: dict[Any, Any]) -> None:
    with pytest.raises(Unusual):
        raw(OmegaConf.create(content))


def test_an_enum_is_its_name_where_that_is_asked() -> None:
    config = OmegaConf.create({"a": [Colour.RED]})
    assert raw(config, enum_to_str=True) == {"a": ["RED"]}
    with pytest.raises(Unusual):
        raw(config)
