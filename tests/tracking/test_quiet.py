"""MLflow costs nothing where it is not needed, says nothing, and sends nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

Python = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def ordinary_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow sends no usage data from a test or a CI machine; a user's is neither."""
    for name in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION", "CI", "GITHUB_ACTIONS", "DO_NOT_TRACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)


def test_a_sweep_on_an_existing_database_imports_neither_mlflow_nor_torch(python: Python, uri: str) -> None:
    process = python("""
        import sys
        from lossbench.tracking import RunResult, RunStart, Store
        with Store("sqlite:///mlflow.db") as store:
            store.prepare()
            [run_id] = store.start([RunStart("k", "demo", "run", {}, {}, None)])
            store.finish([RunResult(run_id, "finished", metrics={"test/mae": 1.0})])
            store.flush()
            assert store.finished(["k"])
            store.abandon(["k"])
        print(sorted({"mlflow", "torch", "pandas", "numpy"} & set(sys.modules)))
    """)
    assert process.communicate(timeout=60) == ("[]\n", "")


def test_nothing_is_sent_and_nothing_is_said(python: Python, uri: str) -> None:
    process = python("""
        import sys, time

        asked = []
        def listen(event, arguments):
            if event in ("socket.connect", "socket.getaddrinfo"):
                asked.append(arguments)
        sys.addaudithook(listen)

        from lossbench.tracking import RunResult, RunStart, Store
        from lossbench.tracking.client_writer import ClientWriter
        with Store("sqlite:///mlflow.db") as store:
            store.prepare()
            store._writer = ClientWriter(store.address)
            [run_id] = store.start([RunStart("k", "demo", "run", {}, {}, None)])
            store.finish([RunResult(run_id, "finished", metrics={"test/mae": 1.0})])
        time.sleep(1)  # MLflow asks for its telemetry settings from a thread
        print(asked)
    """)
    assert process.communicate(timeout=120) == ("[]\n", "")
