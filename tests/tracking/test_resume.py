"""Each key has one run that counts; what failed or died is trained again and told apart."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

from lossbench.tracking import Opening, RunResult, Store, read_runs

Starts = Callable[..., Opening]
Results = Callable[..., RunResult]
Stores = Callable[..., Store]

WRITERS = pytest.mark.parametrize("through_client", [False, True], ids=["rows", "client"])


def run_to_end(store: Store, starts: list[Opening], outcome: str = "finished") -> list[str]:
    ids = store.start(starts)
    store.finish([RunResult(i, outcome, metrics={"val_best/mae": 0.5}) for i in ids])  # type: ignore[arg-type]
    store.flush()
    return ids


def superseded(uri: str, run_id: str) -> bool:
    return mlflow.MlflowClient(uri).get_run(run_id).data.tags.get("lossbench.superseded") == "true"


def test_results_count_and_failures_do_not(open_store: Stores, a_start: Starts) -> None:
    store = open_store()
    ids = {}
    for outcome in ("finished", "diverged", "failed", "killed"):
        [ids[outcome]] = run_to_end(store, [a_start(outcome)], outcome)
    store.start([a_start("running")])
    found = store.finished(["finished", "diverged", "failed", "killed", "running", "never"])
    assert {key: (run.run_id, run.outcome) for key, run in found.items()} == {
        outcome: (ids[outcome], outcome) for outcome in ("finished", "diverged")
    }
    assert found["finished"].metrics == {"val_best/mae": 0.5}


def test_only_the_asked_keys_and_experiment(open_store: Stores, a_start: Starts) -> None:
    store = open_store()
    run_to_end(store, [a_start("k1", experiment="one"), a_start("k2", experiment="one")])
    [other] = run_to_end(store, [a_start("k1", experiment="two")])
    assert set(store.finished(["k1", "k3"], "one")) == {"k1"}
    assert store.finished(["k1"], "two")["k1"].run_id == other
    assert set(store.finished(["k1", "k2"])) == {"k1", "k2"}
    assert store.finished([]) == {}
    assert store.finished(["k1"], "three") == {}


def test_runs_deleted_in_mlflow_are_trained_again(uri: str, open_store: Stores, a_start: Starts) -> None:
    store = open_store()
    [run_id] = run_to_end(store, [a_start("k1")])
    mlflow.MlflowClient(uri).delete_run(run_id)
    assert store.finished(["k1"]) == {}


@WRITERS
def test_abandoned_records_are_marked_and_results_are_not(
    uri: str, open_store: Stores, a_start: Starts, through_client: bool
) -> None:
    store = open_store(through_client=through_client)
    [failed] = run_to_end(store, [a_start("k1")], "failed")
    [killed] = run_to_end(store, [a_start("k2")], "killed")
    [diverged] = run_to_end(store, [a_start("k3")], "diverged")
    [other] = run_to_end(store, [a_start("k4")], "failed")
    [running] = store.start([a_start("k1")])  # by this very process, so it lives
    store.abandon(["k1", "k2", "k3"])
    assert [superseded(uri, run_id) for run_id in (failed, killed)] == [True, True]
    assert [superseded(uri, run_id) for run_id in (diverged, other, running)] == [False] * 3
    assert mlflow.MlflowClient(uri).get_run(running).info.status == "RUNNING"
    assert set(read_runs(uri, "demo")["key"]) == {"k3", "k4"}


@WRITERS
def test_a_run_whose_process_died_is_killed(
    uri: str, open_store: Stores, python: Callable[[str], subprocess.Popen[str]], through_client: bool
) -> None:
    process = python("""
        import time
        from lossbench.tracking import opening, Opening, Store
        store = Store("sqlite:///mlflow.db")
        ids = store.start([opening(key, "demo", "run", {}, {}, None) for key in ("asked", "other")])
        print(*ids, flush=True)
        time.sleep(60)
    """)
    assert process.stdout is not None
    asked, other = process.stdout.readline().split()
    store = open_store(through_client=through_client)
    store.abandon(["asked"])
    client = mlflow.MlflowClient(uri)
    assert client.get_run(asked).info.status == "RUNNING"  # it still trains
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store.abandon(["asked"])
    for run_id in (asked, other):
        run = client.get_run(run_id)
        assert run.info.status == "KILLED"
        assert run.data.tags["lossbench.outcome"] == "killed"
        assert run.data.tags["lossbench.reason"] == "its process ended before the run did"
    assert [superseded(uri, run_id) for run_id in (asked, other)] == [True, False]


@WRITERS
def test_of_two_results_for_a_key_the_latest_counts(
    uri: str, open_store: Stores, a_start: Starts, folder: Path, through_client: bool
) -> None:
    first, second = open_store(), open_store(through_client=through_client)
    [old] = run_to_end(first, [a_start("k1")])
    with sqlite3.connect(
        folder / "mlflow.db"
    ) as database:  # a clock that does not tell them apart helps nobody
        database.execute("UPDATE runs SET end_time = end_time - 1000")
    [new] = run_to_end(second, [a_start("k1")])
    assert second.finished(["k1"])["k1"].run_id == new
    assert list(read_runs(uri, "demo")["run_id"]) == [new]
    second.close()
    assert (superseded(uri, old), superseded(uri, new)) == (True, False)
    first.close()  # the order of closing does not matter
    assert (superseded(uri, old), superseded(uri, new)) == (True, False)


@WRITERS
def test_of_results_that_nobody_has_compared_the_latest_is_left(
    uri: str, open_store: Stores, a_start: Starts, folder: Path, through_client: bool
) -> None:
    """As a sweep leaves them that was interrupted while it trained finished runs again."""
    store = open_store(through_client=through_client)
    [old] = run_to_end(store, [a_start("k1")])
    [elsewhere] = run_to_end(store, [a_start("k1", experiment="two")])
    with sqlite3.connect(folder / "mlflow.db") as database:
        database.execute("UPDATE runs SET end_time = end_time - 1000")
    [new] = run_to_end(store, [a_start("k1")])
    store.abandon(["k2"])
    assert not superseded(uri, old)
    store.abandon(["k1"])
    assert [superseded(uri, run_id) for run_id in (old, new, elsewhere)] == [True, False, False]


def test_the_same_key_in_another_experiment_is_another_run(
    uri: str, open_store: Stores, a_start: Starts
) -> None:
    store = open_store()
    ids = run_to_end(store, [a_start("k1", experiment="one"), a_start("k1", experiment="two")])
    store.close()
    assert [superseded(uri, run_id) for run_id in ids] == [False, False]


@pytest.mark.slow
def test_ten_thousand_records_are_asked_at_once(open_store: Stores, a_start: Starts) -> None:
    store = open_store()
    keys = [f"k{i}" for i in range(10_000)]
    for first in range(0, len(keys), 500):
        run_to_end(store, [a_start(key, description=None) for key in keys[first : first + 500]])
    found = store.finished(keys[1:], "demo")
    assert len(found) == 9_999
    assert {run.outcome for run in found.values()} == {"finished"}
