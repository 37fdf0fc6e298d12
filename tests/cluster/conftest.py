"""A real Slurm and a real Ray cluster, of two nodes each, on this machine's loopback."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NODE = {"include_dashboard": False, "object_store_memory": 80_000_000}
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
def ray_cluster() -> Iterator[Any]:
    """Three nodes: this one, which trains nothing, and two with a core each."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",
        "RAY_AUTH_MODE": "disabled",
    }
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "node_ip_address": "127.0.0.2", **NODE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for number in (3, 4):
        cluster.add_node(num_cpus=1, node_ip_address=f"127.0.0.{number}", **NODE)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="session")
def ray_connected(ray_cluster: Any) -> Iterator[None]:
    import ray

    ray.init(
        address=ray_cluster.address, _node_ip_address="127.0.0.2", log_to_driver=False, logging_level="ERROR"
    )
    yield
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


def _local(request: pytest.FixtureRequest, folder: Path) -> Any:
    from lossbench.engines.local import Local

    return Local(2, gpus_per_pack=0, devices=("0",))


ENGINES: dict[str, Callable[[pytest.FixtureRequest, Path], Any]] = {
    "local": _local,
    "slurm": _slurm,
    "ray": _ray,
}


class Parent:
    """A process that runs items on an engine, and what it says of them."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        program = Path(__file__).parents[1] / "fixtures" / "cluster_program.py"
        command = [sys.executable, str(program), *map(json.dumps, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.ended: dict[int, Any] = {}
        self._lines: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def pids(self, count: int, seconds: float = 40.0) -> list[int]:
        """The next that items say, in the order of the items."""
        said: dict[int, int] = {}
        while len(said) < count:
            line = self._next(seconds)
            assert line, f"it has ended: {self.ended}"
            kind, index, value = line
            if kind != "Started":
                (said if kind == "Said" else self.ended)[index] = value
        return [said[index] for index in sorted(said)]

    def results(self, seconds: float = 60.0) -> dict[int, Any]:
        """Of all items, when it has ended."""
        while line := self._next(seconds):
            if line[0] == "Ended":
                self.ended[line[1]] = line[2]
        return self.ended

    def _next(self, seconds: float) -> Any:
        return self._lines.get(timeout=seconds)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)


@pytest.fixture
def start() -> Callable[..., Any]:
    @contextmanager
    def started(*arguments: Any) -> Iterator[Parent]:
        """Engine, its options, a function of `cluster_tasks` and its items."""
        parent = Parent(arguments)
        try:
            yield parent
        finally:
            parent.process.kill()
            parent.process.wait()

    return started
