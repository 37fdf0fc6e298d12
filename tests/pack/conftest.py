"""Jobs of small packs, composed from the real conf/."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_dir

from lossbench.config.folders import conf_dir
from lossbench.job import Job, Member, jobs_from

Compose = Callable[..., list[Job]]

SMALL = (
    "hydra/launcher=basic",
    "data.train_size=96",
    "data.val_size=40",
    "data.test_size=50",
    "trainer.max_epochs=3",
    "trainer.batch_size=32",
)


@pytest.fixture(scope="session")
def jobs() -> Compose:
    """Compose a job for each list of overrides, on small outliers unless they name other data."""

    def composed(*overrides: str, small: bool = True) -> list[Job]:
        base = SMALL if small else SMALL[:1]
        # Open no longer than needed: Hydra allows one at a time, and other tests of this process compose too.
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            return jobs_from([compose("config", [*base, *override.split()]) for override in overrides])

    return composed


def members(jobs: list[Job]) -> list[Member]:
    """What the jobs train."""
    return [job.member for job in jobs]
