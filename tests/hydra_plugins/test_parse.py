"""Remembered parse trees give each config its own values."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf, base
from omegaconf.errors import GrammarParseError, InterpolationKeyError

from hydra_plugins.lossbench_launcher._parse import parse_once


def test_one_text_means_in_each_config_what_stands_there() -> None:
    texts = {"nested": "${x.${key}}", "called": "${oc.decode:'${n}'}", "words": "a${n}b${x.one}", "n": None}
    with parse_once():
        for n in (1, 2, 1):
            config = OmegaConf.create({**texts, "n": n, "key": "one", "x": {"one": n * 10}})
            assert (config.nested, config.called, config.words) == (n * 10, n, f"a{n}b{n * 10}")


def test_faults_are_told_each_time() -> None:
    with parse_once():
        for _ in range(2):
            with pytest.raises(InterpolationKeyError):
                print(OmegaConf.create({"a": "${no.such}"}).a)
            with pytest.raises(GrammarParseError):
                OmegaConf.create({"a": "${"})


def test_omegaconf_is_as_it_was_afterwards() -> None:
    before = base.__dict__["parse"]
    with parse_once():
        assert base.__dict__["parse"] is not before
    assert base.__dict__["parse"] is before
    with pytest.raises(KeyError), parse_once():
        raise KeyError
    assert base.__dict__["parse"] is before
