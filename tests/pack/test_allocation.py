"""A pack is one process wherever it runs: what a cluster says of its tasks is not for it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbench.job import Job
from lossbench.pack.fit import fit

Compose = Callable[..., list[Job]]


SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_NTASKS": "2", "SLURM_NNODES": "2", "SLURM_NODELIST": "n[1-2]",
    "SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_NODEID": "1",
}  # fmt: skip
TORCHRUN = {
    "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0",
    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29400", "TORCHELASTIC_RUN_ID": "none",
}  # fmt: skip
SURROUNDINGS = {
    "a login node": {},
    "a batch job": {**SLURM, "SLURM_JOB_NAME": "sweep"},
    "an interactive job": {**SLURM, "SLURM_JOB_NAME": "bash"},
    "torchrun": TORCHRUN,
}


@pytest.fixture
def path_with_srun(tmp_path: Path) -> str:
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\n")
    srun.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.parametrize("allocation", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_no_cluster_ends_a_pack_or_makes_it_talk(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch, path_with_srun: str, allocation: dict[str, str]
) -> None:
    (job,) = jobs("trainer.max_epochs=1")
    elsewhere = fit([job.member], "vmap")
    monkeypatch.setenv("PATH", path_with_srun)
    for name, value in allocation.items():
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert fit([job.member], "vmap") == elsewhere
    assert not [str(warning.message) for warning in said if "srun" in str(warning.message)]


RUN = "data=outliers data.train_size=60 data.val_size=20 data.test_size=20 trainer.max_epochs=2"


@pytest.mark.slow
def test_a_run_is_the_same_and_says_the_same_in_an_allocation_and_under_torchrun(
    tmp_path: Path, path_with_srun: str
) -> None:
    found = {}
    for name, allocation in SURROUNDINGS.items():
        folder = tmp_path / name
        folder.mkdir()
        plain = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        done = subprocess.run(
            [sys.executable, "-m", "lossbench", *RUN.split(), "pack.checkpoint_every=1"],
            cwd=folder,
            env={**plain, **allocation, "PATH": path_with_srun},
            capture_output=True,
            text=True,
            check=True,
        )
        with sqlite3.connect(folder / "mlflow.db") as records:
            metrics = records.execute("select key, value from latest_metrics where key like 'test/%'")
            told = [line for line in done.stderr.splitlines() if not line.startswith("packs ")]
            found[name] = sorted(metrics), done.stdout, told
    assert all(one == found["a login node"] for one in found.values())
