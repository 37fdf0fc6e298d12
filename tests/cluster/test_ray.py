"""What becomes of packs on a Ray cluster when something ends that should not: a node, the parent."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from cluster_tasks import gone

pytestmark = pytest.mark.cluster


@pytest.fixture
def options(ray_cluster: Any) -> dict[str, Any]:
    return {"init": {"address": ray_cluster.address, "_node_ip_address": "127.0.0.2"}}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_parent_that_ends_leaves_no_task(
    start: Any, options: dict[str, Any], number: signal.Signals
) -> None:
    with start("ray", options, "hang", [1, 2, 3]) as parent:
        pids = parent.pids(2)
        parent.process.send_signal(number)
        assert parent.process.wait(20) == (-number if number == signal.SIGKILL else 128 + number)
        assert all(gone(pid) for pid in pids)


def test_a_lost_node_takes_only_its_own_packs(
    start: Any, options: dict[str, Any], tmp_path: Path, ray_cluster: Any
) -> None:
    node = ray_cluster.add_node(num_cpus=1, node_ip_address="127.0.0.5", include_dashboard=False)
    files = [str(tmp_path / name) for name in "abc"]
    with start("ray", options, "until", files) as parent:
        pids = parent.pids(3)
        ((raylet,),) = [found for kind, found in node.all_processes.items() if kind == "raylet"]
        for process in psutil.Process(raylet.process.pid).children(recursive=True):
            process.kill()
        ray_cluster.remove_node(node, allow_graceful=False)
        for file in files:
            Path(file).touch()
        ended = parent.results()
    lost = [index for index, result in ended.items() if result != files[index]]
    assert len(lost) == 1
    assert "Ray has lost its worker" in ended[lost[0]]
    assert gone(pids[lost[0]])
