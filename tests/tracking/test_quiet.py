"""MLflow costs nothing where it is not needed, says nothing, and sends nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

Python = Callable[[str], "subprocess.Popen[str]"]


def test_a_sweep_on_an_existing_database_imports_neither_mlflow_nor_torch(python: Python, uri: str) -> None:
    process = python("""
        import sys
        from lossbench.tracking import RunResult, opening, Store
        with Store("sqlite:///mlflow.db") as store:
            store.prepare()
            [run_id] = store.start([opening("k", "demo", "run", {}, {}, None)])
            store.finish([RunResult(run_id, "finished", metrics={"test/mae": 1.0})])
            store.flush()
            assert store.finished(["k"])
            store.abandon(["k"])
        print(sorted({"mlflow", "torch", "pandas", "numpy"} & set(sys.modules)))
    """)
    assert process.communicate(timeout=60) == ("[]\n", "")


def test_nothing_is_sent_and_nothing_is_said(python: Python, uri: str) -> None:
    process = python("""
        import os, sys, time

        # MLflow sends no usage data from tests and CI machines; a user's is neither.
        for name in ("PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS"):
            os.environ.pop(name, None)
        asked = []
        def listen(event, arguments):
            if event in ("socket.connect", "socket.getaddrinfo"):
                asked.append(arguments)
        sys.addaudithook(listen)

        from lossbench.tracking import RunResult, opening, Store
        from lossbench.tracking.client_writer import ClientWriter
        with Store("sqlite:///mlflow.db") as store:
            store.prepare()
            store._writer = ClientWriter(store.address)
            [run_id] = store.start([opening("k", "demo", "run", {}, {}, None)])
            store.finish([RunResult(run_id, "finished", metrics={"test/mae": 1.0})])
        time.sleep(1)  # MLflow asks for its telemetry settings from a thread
        print(asked)
    """)
    assert process.communicate(timeout=120) == ("[]\n", "")
