"""Real databases, made once and copied: MLflow takes seconds to create one."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lossbench.data.source import Description
from lossbench.task import Inputs, Target
from lossbench.tracking import Opening, RunResult, Store, opening
from lossbench.tracking.client_writer import ClientWriter


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder and a cache of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def uri(stored: Path) -> str:
    """The address of an empty database in the current folder."""
    return f"sqlite:///{stored / 'mlflow.db'}"  # in full: MLflow keeps one connection for each address


@pytest.fixture
def open_store(uri: str) -> Iterator[Callable[..., Store]]:
    """Makes stores that are closed at the end, whatever the test left in them."""
    stores = []

    def make(patience: float = 20.0, through_client: bool = False) -> Store:
        store = Store(uri, patience)
        if through_client:
            store._writer = ClientWriter(store.address)
        store.prepare()
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def description() -> Description:
    return Description(
        name="outliers",
        inputs=Inputs("vector", (10,)),
        targets=(Target("continuous"),),
        sizes={"train": 800, "val": 100, "test": 100},
        source="Friedman (1991), made by scikit-learn",
        fingerprint="f" * 64,
    )


@pytest.fixture
def a_start(description: Description) -> Callable[..., Opening]:
    def make(key: str = "k", **changes: Any) -> Opening:
        fields: dict[str, Any] = {
            "key": key,
            "experiment": "demo",
            "name": f"run {key}",
            "params": {"loss.name": "huber", "loss.delta": "1.0", "seed": "0"},
            "tags": {"lossbench.loss": "huber", "lossbench.data": "outliers"},
            "description": description,
        }
        return opening(**{**fields, **changes})

    return make


@pytest.fixture
def a_result() -> Callable[..., RunResult]:
    def make(run_id: str, outcome: str = "finished", **changes: Any) -> RunResult:
        fields: dict[str, Any] = {
            "history": {"train/loss": [(1, 3.0), (2, 2.0)], "val/mae": [(1, 0.5), (2, 0.25)]},
            "metrics": {"test/mae": 0.5, "val_best/epoch": 2.0},
        }
        return RunResult(run_id, outcome, **{**fields, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def python(folder: Path) -> Callable[[str], subprocess.Popen[str]]:
    """Starts a Python process of its own in the test's folder; its standard output is a pipe."""

    def start(source: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(source)]
        return subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


@pytest.fixture
def lock(python: Callable[[str], subprocess.Popen[str]]) -> Iterator[Callable[[float], Callable[[], None]]]:
    """Has another process hold the database; returns when it does, with what ends that early."""
    holders = []

    def hold(seconds: float = 60) -> Callable[[], None]:
        holder = python(f"""
            import sqlite3, time
            database = sqlite3.connect("mlflow.db", isolation_level=None)
            database.execute("BEGIN EXCLUSIVE")
            print("locked", flush=True)
            time.sleep({seconds})
        """)
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        return holder.kill

    yield hold
    for holder in holders:
        holder.kill()
        holder.communicate()
