"""Job folders hold the text that Hydra itself would write."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import MISSING, OmegaConf, omegaconf

from hydra_plugins.lossbench_launcher._yaml import quick_yaml

CONF = Path(__file__).parents[2] / "conf"
# PyYAML's two writers disagree about control characters and line separators, which no config holds.
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ufeff"))
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS)


@given(st.dictionaries(WORDS, st.one_of(PLAIN, st.lists(PLAIN), st.dictionaries(WORDS, PLAIN))))
def test_the_text_means_the_same_as_omegaconfs_own(content: dict[str, object]) -> None:
    config = OmegaConf.create(content)
    slow = OmegaConf.to_yaml(config)
    with quick_yaml():
        quick = OmegaConf.to_yaml(config)
    assert yaml.safe_load(quick) == yaml.safe_load(slow)


@pytest.mark.parametrize("overrides", [[], ["experiment=outliers"], ["data=faces", "loss=triplet"]])
def test_the_files_of_a_job_are_the_same_to_the_letter(overrides: list[str]) -> None:
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("config", overrides, return_hydra_config=True)
    for part in (config, config.hydra):
        slow = OmegaConf.to_yaml(part)
        with quick_yaml():
            assert OmegaConf.to_yaml(part) == slow


class Colour(Enum):
    RED = 1


@dataclass
class Structured:
    colour: Colour = Colour.RED
    by_colour: dict[Colour, int] = field(default_factory=lambda: {Colour.RED: 1})
    either: int | str = 3
    unset: list[int] | None = None
    missing: int = MISSING
    nothing: dict[str, int] = MISSING
    path: Path = Path("a/b")
    raw: bytes = b"x"
    told: str = "${either} of ${oc.env:NO_SUCH_NAME}"


@pytest.mark.parametrize("sort_keys", [False, True])
def test_every_kind_of_node_is_written_as_it_stands(sort_keys: bool) -> None:
    config = OmegaConf.create({"b": OmegaConf.structured(Structured), "a": [1, "${b.either}", None, {}]})
    slow = OmegaConf.to_yaml(config, sort_keys=sort_keys)
    with quick_yaml():
        assert OmegaConf.to_yaml(config, sort_keys=sort_keys) == slow


def test_what_is_to_be_resolved_is_resolved() -> None:
    config = OmegaConf.create({"a": 1, "b": "${a}"})
    with quick_yaml():
        assert OmegaConf.to_yaml(config, resolve=True) == "a: 1\nb: 1\n"
        assert OmegaConf.to_container(config) == {"a": 1, "b": "${a}"}


def test_omegaconf_is_as_it_was_afterwards() -> None:
    before = (omegaconf.get_omega_conf_dumper, OmegaConf.to_container)
    with pytest.raises(KeyError), quick_yaml():
        raise KeyError
    assert (omegaconf.get_omega_conf_dumper, OmegaConf.to_container) == before
