"""What is written of many configs is to the letter what OmegaConf writes of each with the same dumper."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf._utils import get_omega_conf_dumper

from hydra_plugins.lossbench_launcher import _writing
from hydra_plugins.lossbench_launcher._writing import Writer

# Such as look like paths and overrides, most of which YAML writes as they are.
WORDS = st.text("aéN_/.,=-1 :#", max_size=8) | st.text("a_/=.,-1", max_size=200)
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["on", "1", "1e3", "~", "", "- a", "a: b", "x\n  y\n", "é", "#", "w " * 70]
)
VALUES = (
    WORDS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXTS.filter(lambda t: "${" not in t)
)
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
TREES_OF_NAMES = st.dictionaries(TEXTS, TREES, max_size=4)


class Colour(Enum):
    RED = 1


def written(content: Any) -> str:
    """By OmegaConf itself."""
    return OmegaConf.to_yaml(OmegaConf.create(content))


@settings(max_examples=30)
@given(st.lists(TREES_OF_NAMES, min_size=1, max_size=4))
def test_any_configs_after_each_other(contents: list[dict[str, Any]]) -> None:
    writer = Writer(get_omega_conf_dumper())
    for content in [*contents, *contents]:
        assert writer.to_yaml(OmegaConf.create(content)) == written(content)


@given(st.lists(WORDS | st.integers(), min_size=1, max_size=4))
def test_overrides_on_their_own(lines: list[str | int]) -> None:
    assert Writer(get_omega_conf_dumper()).to_yaml(OmegaConf.create(lines)) == written(lines)
    inside = {"overrides": {"task": lines, "of": {"one": lines[0]}}}
    assert Writer(get_omega_conf_dumper()).to_yaml(OmegaConf.create(inside)) == written(inside)


def test_true_and_one_are_not_taken_for_each_other() -> None:
    writer = Writer(get_omega_conf_dumper())
    for value in (1, True, 1.0, "1", 0, False, 0.0, -0.0):
        for content in ({"a": value}, {"a": {"b": value}}, {"a": {"b": [value]}}):
            assert writer.to_yaml(OmegaConf.create(content)) == written(content)


@pytest.mark.parametrize(
    "content",
    [
        {"a": "???", "b": {"c": "${a}", "d": "${oc.env:HOME}"}},
        {"path": {"p": Path("x/y")}, "colour": Colour.RED, "bytes": b"1"},
        {"numbers": {1: {"a": 2}, "b": {2.5: 3, True: 4}}},
        {"k" * 200: {"a": {"b": 1}}, "n": {"k" * 200: 1}},
        {"a": {}, "b": [], "c": None, "d": {"e": {}}},
        {},
    ],
)
def test_every_kind_of_value(content: dict[Any, Any]) -> None:
    assert Writer(get_omega_conf_dumper()).to_yaml(OmegaConf.create(content)) == written(content)


def test_nodes_that_stand_for_no_mapping() -> None:
    writer = Writer(get_omega_conf_dumper())
    for node in (
        OmegaConf.create([1, {"a": 2}]),
        OmegaConf.create({"a": {"b": None}}),
        OmegaConf.create("a: 1"),
    ):
        assert writer.to_yaml(node) == OmegaConf.to_yaml(node)
    assert (
        writer.to_yaml(OmegaConf.create({"b": 1, "a": "${b}"}), resolve=True, sort_keys=True)
        == "a: 1\nb: 1\n"
    )


def test_what_was_written_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, texts = Writer(get_omega_conf_dumper()), []
    config = OmegaConf.create({"hydra": {"job": {"num": 0}, "run": {"dir": "x"}, "sweep": {"dir": "y"}}})
    writer.to_yaml(config)
    dump = yaml.dump

    def listened(content: Any, **options: Any) -> str:
        texts.append(content)
        return dump(content, **options)

    monkeypatch.setattr(_writing.yaml, "dump", listened)
    config.hydra.job.num = 1
    assert "num: 1" in writer.to_yaml(config)
    assert texts == []  # what is its own text is put in its place
    config.hydra.job.num = "a: b"
    assert "num: 'a: b'" in writer.to_yaml(config)
    assert texts == [{"hydra": {"job": {"num": "a: b"}}}]
    for number in (1, 2):
        config.hydra.job.num, config.hydra.run.dir = number, f"multirun/2026-11-27/seed={number},loss=mse"
        text = writer.to_yaml(config)
        assert f"num: {number}\n" in text
        assert f"dir: multirun/2026-11-27/seed={number},loss=mse\n" in text
    assert texts[1:] == [{"hydra": {"run": {"dir": {"a": None}}}}]  # for the line of the place, once
