"""The real path from words to results: compose, check, fit one pack."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_dir

from lossbench.config.folders import conf_dir
from lossbench.job import Member, jobs_from
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit

Train = Callable[..., list[tuple[Member, MemberResult]]]


@pytest.fixture(scope="session")
def train() -> Train:
    """Train one pack, a member for each list of overrides; all of them finish."""

    def trained(*overrides: str, mode: str = "vmap") -> list[tuple[Member, MemberResult]]:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            configs = [compose("config", ["hydra/launcher=basic", *each.split()]) for each in overrides]
            pack = [job.member for job in jobs_from(configs)]
        results = fit(pack, mode)
        assert [result.outcome for result in results] == ["finished"] * len(pack)
        return list(zip(pack, results, strict=True))

    return trained
