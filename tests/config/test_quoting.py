"""Names of columns and files as people have them: what is printed as a remedy works when it is typed."""

from __future__ import annotations

import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from lossbench.cli.refusals import is_told, sentence
from lossbench.config.quoting import typed

NAMES = ["größe", "x #1", "PT08.S1(CO)", "../data (1).csv", "~/x.csv", 'say "x"', "it's", "日本", "a!", "5\\"]


def value(override: str) -> object:
    return OverridesParser.create().parse_override(override).value()


def refused(override: str, *options: str) -> str:
    with pytest.raises(HydraException) as caught:
        OverridesParser.create().parse_overrides([override])
    assert is_told(caught.value)
    return sentence(caught.value, [override, *options])


def remedy(said: str) -> str:
    """The command that a refusal prints, as a shell hands it on."""
    (found,) = re.findall(r"; write (.+)\.$", said)
    (argument,) = shlex.split(found)
    return argument


@pytest.mark.parametrize("name", [name for name in NAMES if name != "5\\"])
@pytest.mark.parametrize("options", [(), ("-m",)])
def test_what_a_refusal_prints_is_read_as_it_was_meant(name: str, options: tuple[str, ...]) -> None:
    assert value(remedy(refused(f"data.target={name}", *options))) == name


def test_in_lists_and_sweeps_each_value_is_quoted_by_itself() -> None:
    assert value(remedy(refused("data.drop=[a,x #1,'größe']"))) == ["a", "x #1", "größe"]
    override = remedy(refused("data.target=größe,y", "--multirun"))
    parsed = OverridesParser.create().parse_override(override)
    assert list(parsed.sweep_string_iterator()) == ['"größe"', "y"]


@pytest.mark.parametrize("name", [*NAMES, "price", "null", "2020", "1e3", "a,b", "on top", ""])
def test_a_remedy_that_names_a_column_is_read_as_that_text(name: str) -> None:
    (argument,) = shlex.split(typed("data.target", name))
    assert value(argument) == name
    (argument,) = shlex.split(typed("data.drop", ["a", name]))
    assert value(argument) == ["a", name]


@pytest.mark.parametrize("override", ["data.drop=[", "data.x=1}", "loss==huber", "größe"])
def test_quotes_are_no_remedy_for_brackets_that_do_not_close(override: str) -> None:
    assert "is not of the form key=value" in refused(override)
