"""Files are read as OmegaConf reads them, in less time."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf

from lossbench.config.folders import conf_dir
from lossbench.config.yaml_reading import read_yaml


def test_every_file_that_ships_is_read_as_omegaconf_reads_it() -> None:
    files = sorted(conf_dir().rglob("*.yaml"))
    assert len(files) > 100
    for file in files:
        assert (read_yaml(file) or {}) == OmegaConf.to_container(OmegaConf.load(file)), file


def test_numbers_dates_and_interpolations_are_what_omegaconf_takes_them_for(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("a: 1e-3\nb: 2024-01-02\nc: ${d}\nd: [1_000, .5, yes, ~, '1', .inf]\n")
    assert read_yaml(file) == OmegaConf.to_container(OmegaConf.load(file))


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("a: 1\na: 2\n")
    with pytest.raises(yaml.YAMLError, match="duplicate key a"):
        read_yaml(file)
