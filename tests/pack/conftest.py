"""Jobs of small packs, composed from the real conf/."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from omegaconf import DictConfig

from lossbench.job import Job, Member, jobs_from
from lossbench.pack import threads

Compose = Callable[..., list[Job]]

SMALL = (
    "data.train_size=96",
    "data.val_size=40",
    "data.test_size=50",
    "trainer.max_epochs=3",
    "trainer.batch_size=32",
)


@pytest.fixture(scope="session")
def jobs(composed: Callable[..., DictConfig]) -> Compose:
    """Compose a job for each list of overrides, on small outliers unless they name other data."""

    def made(*overrides: str, small: bool = True) -> list[Job]:
        base = SMALL if small else ()
        return jobs_from([composed(*base, *override.split()) for override in overrides])

    return made


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As packs train: with several threads, products and updates depend on their number."""
    with threads.one_thread():
        yield


def members(jobs: list[Job]) -> list[Member]:
    """What the jobs train."""
    return [job.member for job in jobs]
