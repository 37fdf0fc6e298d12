"""A real Slurm and a real Ray cluster, of two nodes each, on this machine's loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("slurm.sh")


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """Its configuration, which the environment names, too; None where there is no Slurm."""
    if shutil.which("slurmctld", path=os.environ["PATH"] + ":/usr/sbin") is None:
        print("no Slurm here: submitit's local executor stands in for it")
        yield None
        return
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([SCRIPT, "start", folder], check=True)
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    yield folder / "slurm.conf"
    subprocess.run([SCRIPT, "stop", folder], check=True)
    del os.environ["SLURM_CONF"]


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """Of a cluster of three nodes: this one, which trains nothing, and two with a core each."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",
        "RAY_AUTH_MODE": "disabled",
    }
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    quiet = {"include_dashboard": False, "object_store_memory": 80_000_000}
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "node_ip_address": "127.0.0.2", **quiet}
    )
    for number in (3, 4):
        cluster.add_node(num_cpus=1, node_ip_address=f"127.0.0.{number}", **quiet)
    yield cluster.address
    cluster.shutdown()


@pytest.fixture(scope="session")
def ray_connected(ray_address: str) -> Iterator[str]:
    import ray

    ray.init(address=ray_address, _node_ip_address="127.0.0.2", log_to_driver=False, logging_level="ERROR")
    yield ray_address
    ray.shutdown()


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return ENGINES[request.param](request, tmp_path)


def _slurm(request: pytest.FixtureRequest, folder: Path) -> Any:
    pytest.importorskip("submitit")
    from lossbench.engines.slurm import Slurm

    there = request.getfixturevalue("slurm")
    return Slurm(folder / "jobs", n_jobs=2, cluster="slurm" if there else "local")


def _ray(request: pytest.FixtureRequest, folder: Path) -> Any:
    request.getfixturevalue("ray_connected")
    from lossbench.engines.ray import Ray

    return Ray(n_jobs=2)


ENGINES: dict[str, Callable[[pytest.FixtureRequest, Path], Any]] = {"slurm": _slurm, "ray": _ray}
