"""What every test needs: one thread a process, its own MLflow store, and no clock in hypothesis."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; pytest-xdist brings the processes

import signal
from pathlib import Path

import hypothesis
import pytest

# Whoever starts the tests in the background may ignore Ctrl-C, which the programs under test would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("lossbench", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("lossbench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no accelerator here"))


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to be copied."""
    from lossbench.tracking.creation import prepare_database

    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    prepare_database(path)
    return path


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes to the tracking server of whoever runs it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
