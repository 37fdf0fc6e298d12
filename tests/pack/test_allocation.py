"""A pack is one process wherever it runs: what a cluster says of its tasks is not for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbench.job import Job
from lossbench.pack.fit import fit

Compose = Callable[..., list[Job]]


@pytest.mark.parametrize(
    "allocation",
    [{}, {"SLURM_NTASKS": "2", "SLURM_JOB_NAME": "sweep"}, {"SLURM_NTASKS": "2", "SLURM_JOB_NAME": "bash"}],
    ids=["a login node", "a batch job", "an interactive job"],
)
def test_slurm_neither_ends_a_pack_nor_makes_it_talk(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, allocation: dict[str, str]
) -> None:
    (job,) = jobs("trainer.max_epochs=1")
    elsewhere = fit([job.member], "vmap")
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name, value in allocation.items():
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert fit([job.member], "vmap") == elsewhere
    assert not [str(warning.message) for warning in said if "srun" in str(warning.message)]
