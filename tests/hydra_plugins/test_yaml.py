"""Job folders hold the text that Hydra itself would write."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf, omegaconf

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


def test_omegaconf_is_as_it_was_afterwards() -> None:
    before = omegaconf.get_omega_conf_dumper
    with pytest.raises(KeyError), quick_yaml():
        raise KeyError
    assert omegaconf.get_omega_conf_dumper is before
