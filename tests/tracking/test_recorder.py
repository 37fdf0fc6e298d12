"""Nothing is lost, and nothing is there twice, whatever the database or the process does meanwhile."""

from __future__ import annotations

import logging
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbench.tracking import NotRecorded, Opening, RunResult, Store

Starts = Callable[..., Opening]
Results = Callable[..., RunResult]
Stores = Callable[..., Store]
Lock = Callable[..., Callable[[], None]]
Python = Callable[[str], "subprocess.Popen[str]"]

FOLDER = "lossbench-unrecorded"


def statuses(folder: Path) -> list[tuple[str, str]]:
    """(run name, status) of every record there is."""
    with sqlite3.connect(folder / "mlflow.db") as database:
        return sorted(database.execute("SELECT name, status FROM runs").fetchall())


def test_finish_returns_before_the_database_has_the_results(
    open_store: Stores, a_start: Starts, a_result: Results, lock: Lock, folder: Path
) -> None:
    store = open_store()
    ids = store.start([a_start("k1"), a_start("k2")])
    unlock = lock()
    store.finish([a_result(run_id) for run_id in ids])
    assert statuses(folder) == [("run k1", "RUNNING"), ("run k2", "RUNNING")]  # so training could go on
    assert list((folder / FOLDER).glob("*.jsonl"))  # and a kill now would lose nothing
    unlock()
    store.flush()
    assert statuses(folder) == [("run k1", "FINISHED"), ("run k2", "FINISHED")]
    assert not (folder / FOLDER).exists()


def test_what_is_only_shown_waits_for_no_lock_and_costs_no_result(
    open_store: Stores, a_start: Starts, a_result: Results, lock: Lock, folder: Path
) -> None:
    store = open_store()
    [run_id] = store.start([a_start("k1")])
    unlock = lock()
    store.show({run_id: {"train/loss": [(1, 3.0)]}})
    store.finish([a_result(run_id)])
    time.sleep(1.2)  # more than a writer waits for a lock
    unlock()
    store.flush()
    assert statuses(folder) == [("run k1", "FINISHED")]


def test_start_waits_for_a_lock(open_store: Stores, a_start: Starts, lock: Lock, folder: Path) -> None:
    store = open_store()
    lock(1)
    [run_id] = store.start([a_start("k1")])
    assert not run_id.startswith("unrecorded")
    assert statuses(folder) == [("run k1", "RUNNING")]


@pytest.mark.parametrize("locked", ["before start", "before finish"])
def test_what_cannot_be_recorded_stays_on_disk_until_the_next_start(
    open_store: Stores,
    a_start: Starts,
    a_result: Results,
    lock: Lock,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    locked: str,
) -> None:
    store = open_store(patience=0.2)
    if locked == "before start":
        lock()
    ids = store.start([a_start("k1"), a_start("k2")])
    if locked == "before finish":
        lock()
    caplog.set_level(logging.WARNING)
    store.finish([a_result(ids[0])])
    store.finish([a_result(ids[1], "diverged", reason="loss is nan")])
    with pytest.raises(
        NotRecorded, match=rf"2 runs could not be .*{FOLDER} and recorded at the next start\.$"
    ):
        store.close()
    told = [record for record in caplog.records if "does not take results" in record.message]
    assert len(told) == 1  # not once a batch

    unlocked = folder / "copy.db"  # the lock is still held, as by a process that hangs
    (folder / "mlflow.db").rename(folder / "held.db")
    with sqlite3.connect(folder / "held.db") as held, sqlite3.connect(unlocked) as database:
        held.backup(database)
        database.execute("PRAGMA journal_mode=WAL")
    unlocked.rename(folder / "mlflow.db")

    later = open_store()
    assert {k: run.outcome for k, run in later.finished(["k1", "k2"]).items()} == {
        "k1": "finished",
        "k2": "diverged",
    }
    assert statuses(folder) == [("run k1", "FINISHED"), ("run k2", "FAILED")]
    assert not (folder / FOLDER).exists()


def test_a_flush_in_a_hurry_leaves_the_rest_on_disk(
    open_store: Stores, a_start: Starts, a_result: Results, lock: Lock, folder: Path
) -> None:
    store = open_store(patience=60)
    ids = store.start([a_start(f"k{i}") for i in range(3)])
    unlock = lock()
    for run_id in ids:
        store.finish([a_result(run_id)])
    with pytest.raises(NotRecorded, match="3 runs"):
        store.flush(within=0.3)
    assert len(list((folder / FOLDER).glob("*.jsonl"))) == 3
    unlock()
    store.flush()  # with time, they go in
    assert [status for _, status in statuses(folder)] == ["FINISHED"] * 3


def test_a_killed_process_loses_no_result(python: Python, open_store: Stores, uri: str, folder: Path) -> None:
    process = python("""
        import sqlite3, time
        from lossbench.tracking import RunResult, opening, Opening, Store
        store = Store("sqlite:///mlflow.db")
        store.prepare()
        ids = store.start([opening(f"k{i}", "demo", f"run {i}", {}, {}, None) for i in range(4)])
        holder = sqlite3.connect("mlflow.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        results = [RunResult(run_id, "finished", metrics={"test/mae": 1.0}) for run_id in ids[:3]]
        store.finish(results[:2])
        store.finish(results[2:])
        print("handed over", flush=True)
        time.sleep(60)
    """)
    assert process.stdout is not None
    assert process.stdout.readline() == "handed over\n", process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store = open_store()
    keys = [f"k{i}" for i in range(4)]
    assert set(store.finished(keys)) == set(keys[:3])
    store.abandon(keys)
    assert [status for _, status in statuses(folder)] == ["FINISHED"] * 3 + ["KILLED"]
    assert not (folder / FOLDER).exists()


def test_the_end_of_the_program_waits_for_the_results(python: Python, uri: str, folder: Path) -> None:
    process = python("""
        from lossbench.tracking import RunResult, opening, Opening, Store
        store = Store("sqlite:///mlflow.db")
        store.prepare()
        ids = store.start([opening(f"k{i}", "demo", f"run {i}", {}, {}, None) for i in range(40)])
        store.finish([RunResult(run_id, "finished") for run_id in ids[:39]])
        raise SystemExit(3)
    """)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 3
    assert sorted(status for _, status in statuses(folder)) == ["FINISHED"] * 39 + ["KILLED"]


@pytest.mark.parametrize("through_client", [False, True], ids=["rows", "client"])
def test_a_result_recorded_twice_is_there_once(
    uri: str,
    open_store: Stores,
    a_start: Starts,
    a_result: Results,
    lock: Lock,
    folder: Path,
    through_client: bool,
) -> None:
    # A process that is killed after recording a batch and before deleting it leaves it to be recorded again.
    store = open_store()
    [run_id] = store.start([a_start("k1")])
    unlock = lock()
    store.finish([a_result(run_id)])
    [batch] = (folder / FOLDER).glob("*.jsonl")
    content = batch.read_text()
    unlock()
    store.flush()

    def counts() -> list[object]:
        tables = ("runs", "metrics", "latest_metrics", "params", "tags", "inputs", "datasets")
        with sqlite3.connect(folder / "mlflow.db") as database:
            return [database.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]

    before = counts()
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "left,1.jsonl").write_text(content)
    open_store(through_client=through_client)
    assert counts() == before
    assert not (folder / FOLDER).exists()


def test_a_full_disk_loses_nothing(python: Python, open_store: Stores, uri: str, folder: Path) -> None:
    # A limit on the size of files stands in for a full disk: sqlite fails in the same way.
    process = python("""
        import resource
        from lossbench.tracking import NotRecorded, RunResult, opening, Opening, Store
        store = Store("sqlite:///mlflow.db", patience=0.5)
        store.prepare()
        ids = store.start([opening(f"k{i}", "demo", f"run {i}", {}, {}, None) for i in range(4)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        curve = [(step, step / 7) for step in range(1, 1500)]
        for run_id in ids:
            store.finish([RunResult(run_id, "finished", history={"val/mae": curve})])
        try:
            store.close()
        except NotRecorded as error:
            print(error)
    """)
    told, errors = process.communicate(timeout=60)
    assert "runs could not be recorded" in told, errors
    assert "Traceback" not in errors
    store = open_store()
    assert set(store.finished([f"k{i}" for i in range(4)])) == {f"k{i}" for i in range(4)}
    assert [status for _, status in statuses(folder)] == ["FINISHED"] * 4


def test_results_go_to_the_cache_where_the_database_s_disk_takes_none(
    open_store: Stores, a_start: Starts, a_result: Results, lock: Lock, folder: Path
) -> None:
    store = open_store(patience=0.2)
    ids = store.start([a_start("k1")])
    unlock = lock()
    (folder / FOLDER).touch()  # a file in the way of the folder
    store.finish([a_result(ids[0])])
    assert list((folder / "cache" / FOLDER).glob("*.jsonl"))
    with pytest.raises(NotRecorded, match=rf"kept in .*/cache/{FOLDER} "):
        store.close()
    unlock()
    assert set(open_store().finished(["k1"])) == {"k1"}
    assert not (folder / "cache" / FOLDER).exists()


def test_sweeps_at_once_share_a_file(python: Python, uri: str, folder: Path) -> None:
    processes = [
        python(f"""
            from lossbench.tracking import RunResult, opening, Opening, Store
            with Store("sqlite:///mlflow.db") as store:
                store.prepare()
                for pack in range(10):
                    starts = [opening(f"{sweep}/{{pack}}/{{i}}", "demo", "run", {{"a": "b"}}, {{}}, None)
                              for i in range(10)]
                    ids = store.start(starts)
                    store.finish([RunResult(i, "finished", history={{"val/mae": [(1, 0.5)]}}) for i in ids])
        """)
        for sweep in range(3)
    ]
    for process in processes:
        assert process.communicate(timeout=120) == ("", "")
    assert [status for _, status in statuses(folder)] == ["FINISHED"] * 300


@pytest.mark.slow
def test_a_sweep_killed_again_and_again_ends_with_one_result_for_each_key(
    python: Python, open_store: Stores, uri: str, folder: Path
) -> None:
    sweep = """
        import time
        from lossbench.tracking import RunResult, opening, Opening, Store
        keys = [f"k{i}" for i in range(400)]
        with Store("sqlite:///mlflow.db") as store:
            store.prepare()
            todo = [key for key in keys if key not in store.finished(keys)]
            store.abandon(todo)
            print("ready", flush=True)
            for first in range(0, len(todo), 8):
                pack = todo[first : first + 8]
                ids = store.start([opening(key, "demo", key, {"key": key}, {}, None) for key in pack])
                time.sleep(0.02)
                curve = {"val/mae": [(step, step / 7) for step in range(1, 21)]}
                store.finish([RunResult(i, "finished", history=curve) for i in ids])
    """
    moments = random.Random(0)
    for _ in range(20):
        process = python(sweep)
        assert process.stdout is not None
        if process.stdout.readline():
            time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.communicate()
    assert python(sweep).communicate(timeout=120)[1] == ""
    store = open_store()
    keys = [f"k{i}" for i in range(400)]
    assert len(store.finished(keys)) == len(keys)
    store.abandon(keys)
    with sqlite3.connect(folder / "mlflow.db") as database:
        assert not database.execute("SELECT 1 FROM runs WHERE status = 'RUNNING'").fetchall()
        points = database.execute("SELECT count(*) FROM metrics GROUP BY run_uuid").fetchall()
        assert set(points) == {(20,)}  # no half-written result
        counted = database.execute(
            "SELECT key.value, count(*) FROM tags AS key JOIN tags AS outcome USING (run_uuid) "
            "LEFT JOIN tags AS old ON old.run_uuid = key.run_uuid AND old.key = 'lossbench.superseded' "
            "WHERE key.key = 'lossbench.key' AND outcome.key = 'lossbench.outcome' "
            "AND outcome.value = 'finished' AND old.value IS NULL GROUP BY key.value"
        ).fetchall()
    assert sorted(counted) == sorted((key, 1) for key in keys)
    assert not (folder / FOLDER).exists()
