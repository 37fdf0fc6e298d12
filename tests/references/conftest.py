"""The real path from words to results: compose, check, fit one pack."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from lossbench.job import Member, jobs_from
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit

Train = Callable[..., list[tuple[Member, MemberResult]]]


@pytest.fixture(scope="session")
def train(composed: Callable[..., DictConfig]) -> Train:
    """Train one pack, a member for each list of overrides; all of them finish."""

    def trained(*overrides: str, mode: str = "vmap") -> list[tuple[Member, MemberResult]]:
        pack = [job.member for job in jobs_from([composed(*each.split()) for each in overrides])]
        results = fit(pack, mode)
        assert [result.outcome for result in results] == ["finished"] * len(pack)
        return list(zip(pack, results, strict=True))

    return trained
