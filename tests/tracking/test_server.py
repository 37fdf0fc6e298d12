"""A tracking server, which may go away in the middle of a sweep and come back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lossbench.tracking import (
    NotRecorded,
    Opening,
    RunResult,
    Store,
    read_artifact,
    read_histories,
    read_runs,
)
from lossbench.tracking.address import parse
from lossbench.tracking.reader import reading

pytestmark = pytest.mark.slow

Starts = Callable[..., Opening]
Results = Callable[..., RunResult]


class Server:
    """`mlflow server` on a database in the current folder."""

    def __init__(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--backend-store-uri", "sqlite:///server.db", "--workers", "1"],
            env={
                **os.environ,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
                return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError("the server did not start")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    running = Server()
    running.start()
    yield running
    running.stop()


def test_a_server_goes_away_and_comes_back(
    server: Server, a_start: Starts, a_result: Results, folder: Path
) -> None:
    store = Store(server.uri, patience=0.5)
    store.prepare()
    before, during = store.start([a_start("k1"), a_start("k2")])
    store.finish([a_result(before, artifacts={"predictions.npz": b"1"})])
    store.flush()

    server.stop()
    [after] = store.start([a_start("k3")])
    assert after.startswith("unrecorded")
    store.finish([a_result(during)])
    store.finish([a_result(after)])
    with pytest.raises(NotRecorded, match="2 runs could not be recorded"):
        store.flush()
    server.start()
    [last] = store.start([a_start("k4")])
    store.finish([a_result(last, metrics={"test/mae": 0.5, "best/epoch": 3.0})])  # as of an earlier version
    store.close()  # tries the others again

    assert not (folder / "lossbench-unrecorded").exists()
    table = read_runs(server.uri, "demo")
    assert sorted(table["key"]) == ["k1", "k2", "k3", "k4"]
    assert set(table["status"]) == {"FINISHED"}
    assert set(table["loss.delta"]) == {1.0}
    assert set(table["test/mae"]) == {0.5}
    assert table.set_index("key")["val_best/epoch"]["k4"] == 3.0
    recorded = dict(zip(table["key"], table["run_id"], strict=True))
    assert recorded["k3"] == store.recorded_id(after)
    points = read_histories(server.uri, [recorded["k3"], recorded["k1"]], "val/mae")
    assert list(points["run_id"]) == [recorded["k3"]] * 2 + [recorded["k1"]] * 2
    assert list(points["value"]) == [0.5, 0.25] * 2
    assert read_artifact(server.uri, recorded["k1"], "predictions.npz") == b"1"
    assert read_artifact(server.uri, recorded["k2"], "predictions.npz") is None

    for address in (server.uri, f"sqlite:///{folder}/server.db"):
        with reading(parse(address)) as records:
            one = records.run(recorded["k1"])
            assert one
            assert (one.status, one.tags["lossbench.key"]) == ("FINISHED", "k1")
            assert one == next(record for record in records.runs("demo", ["k1"]))
            assert records.run("0" * 32) is records.run("no id") is None

    with Store(server.uri) as again:
        again.prepare()
        keys = [f"k{i}" for i in range(1, 20)]  # more than are asked one by one
        assert set(again.finished(keys, "demo")) == set(again.finished(keys[:4])) == set(keys[:4])
        again.finish([RunResult(i, "failed", "it broke") for i in again.start([a_start("k5")])])
        again.flush()
        again.abandon(["k5"], "demo")
        assert len(read_runs(server.uri, "demo")) == 4
