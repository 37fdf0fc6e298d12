"""Hydra's own tests of launchers: the launcher is one that Hydra's users know."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)
from omegaconf import DictConfig, OmegaConf


class Outcome:
    def __init__(self, value: Any) -> None:
        self.value = value

    def result(self) -> Any:
        return self.value


def trainer(configs: list[DictConfig], *, n_jobs: int, max_members: int) -> list[Outcome]:
    return [Outcome(OmegaConf.select(config, "x", default=100)) for config in configs]


CHDIR = "hydra.job.chdir=true"  # the suites look for a job's files in its working directory
ONE_BY_ONE = "hydra.launcher.trainer=null"
TOGETHER = f"hydra.launcher.trainer={__name__}.trainer"


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("pack", [CHDIR, ONE_BY_ONE]), ("pack", [CHDIR, TOGETHER])]
)
class TestLauncher(LauncherTestSuite):
    """Single sweeps, config groups, strict configs, custom resolvers."""


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [("pack", [CHDIR, "hydra.sweeper.max_batch_size=2", how]) for how in (ONE_BY_ONE, TOGETHER)],
)
class TestBatches(BatchedSweeperTestSuite):
    """Sweepers that hand over their jobs in several batches."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=pack", ONE_BY_ONE])]
)
class TestIntegration(IntegrationTestSuite):
    """Job names and working directories of real programs, each in a process of its own."""
