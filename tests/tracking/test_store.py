"""What goes into the store is what MLflow's own client reads back, by either writer."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import Run

from lossbench import palette
from lossbench.errors import InputError
from lossbench.tracking import NotRecorded, Opening, RunResult, Store, bulk_writer, opening

WRITERS = pytest.mark.parametrize("through_client", [False, True], ids=["rows", "client"])

Starts = Callable[..., Opening]
Results = Callable[..., RunResult]
Stores = Callable[..., Store]


def read(uri: str, run_id: str) -> Run:
    return mlflow.MlflowClient(uri).get_run(run_id)


def curve(uri: str, run_id: str, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in mlflow.MlflowClient(uri).get_metric_history(run_id, name)]


@WRITERS
def test_mlflow_reads_what_was_recorded(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results, through_client: bool
) -> None:
    store = open_store(through_client=through_client)
    [run_id] = store.start([a_start("k1")])
    store.finish([a_result(run_id, artifacts={"predictions.npz": b"\x00\x01"})])
    store.flush()
    run = read(uri, run_id)
    assert run.info.status == "FINISHED"
    assert run.info.end_time >= run.info.start_time > 0
    assert run.info.run_name == "run k1"
    assert run.data.params == {"loss.name": "huber", "loss.delta": "1.0", "seed": "0"}
    assert run.data.metrics == {"train/loss": 2.0, "val/mae": 0.25, "test/mae": 0.5, "val_best/epoch": 2.0}
    assert curve(uri, run_id, "val/mae") == [(1, 0.5), (2, 0.25)]
    tags = run.data.tags
    assert tags["lossbench.key"] == "k1"
    assert tags["lossbench.kind"] == "member"
    assert tags["lossbench.outcome"] == "finished"
    assert tags["mlflow.runColor"] == palette.color("huber")
    [data_set] = run.inputs.dataset_inputs
    assert (data_set.dataset.name, data_set.dataset.digest) == ("outliers", "f" * 36)
    assert "Friedman (1991)" in data_set.dataset.source
    assert '"train": 800' in data_set.dataset.profile
    kept = mlflow.artifacts.download_artifacts(
        run_id=run_id, artifact_path="predictions.npz", tracking_uri=uri
    )
    assert Path(kept).read_bytes() == b"\x00\x01"


def test_both_writers_leave_the_same_rows(
    open_store: Stores, a_start: Starts, a_result: Results, folder: Path
) -> None:
    tables = []
    for through_client in (False, True):
        store = open_store(through_client=through_client)
        starts = [a_start(f"k{i}", experiment=f"demo {through_client}") for i in range(3)]
        ids = store.start(starts)
        nan_curve = {"train/loss": [(1, 3.0), (2, math.nan), (3, 1.0)]}
        results = [
            a_result(ids[0]),
            a_result(ids[1], "diverged", reason="loss is nan at step 3", history=nan_curve),
            a_result(ids[2], "failed", reason="it raised", traceback="Traceback ..."),
        ]
        store.finish(results)
        store.flush()
        tables.append(rows(folder / "mlflow.db", f"demo {through_client}", ids))
    assert tables[0] == tables[1]


SHOWN = {"train/loss": [(1, 3.0), (2, 2.0)], "val/mae": [(1, 0.5), (2, math.inf)]}


@WRITERS
def test_what_a_run_has_reached_is_seen_while_it_trains_and_stands_once_in_its_record(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results, through_client: bool
) -> None:
    store = open_store(through_client=through_client)
    [run_id] = store.start([a_start("k1")])
    store.show({run_id: SHOWN})
    store.flush()
    run = read(uri, run_id)
    assert (run.info.status, run.data.metrics) == ("RUNNING", {"train/loss": 2.0, "val/mae": 0.5})
    store.finish([a_result(run_id)])
    store.flush()
    run = read(uri, run_id)
    assert run.data.metrics == {"train/loss": 2.0, "val/mae": 0.25, "test/mae": 0.5, "val_best/epoch": 2.0}
    assert curve(uri, run_id, "train/loss") == [(1, 3.0), (2, 2.0)]
    assert curve(uri, run_id, "val/mae") == [(1, 0.5), (2, 0.25)]


@WRITERS
def test_a_run_that_is_killed_keeps_what_was_seen_of_it(
    uri: str, open_store: Stores, a_start: Starts, through_client: bool
) -> None:
    store = open_store(through_client=through_client)
    [run_id] = store.start([a_start("k1")])
    store.show({run_id: SHOWN})
    store.finish([RunResult(run_id, "killed", "a key was pressed")])
    store.flush()
    run = read(uri, run_id)
    assert (run.info.status, run.data.metrics) == ("KILLED", {"train/loss": 2.0, "val/mae": 0.5})


def rows(path: Path, experiment: str, run_ids: list[str]) -> dict[str, list[Any]]:
    """What every table holds of some runs, without what must differ: random ids and times."""
    selects = {
        "runs": "SELECT * FROM runs WHERE run_uuid = ?",
        "tags": "SELECT * FROM tags WHERE run_uuid = ? AND key != 'lossbench.experiment' ORDER BY key",
        "params": "SELECT * FROM params WHERE run_uuid = ? ORDER BY key",
        "metrics": "SELECT * FROM metrics WHERE run_uuid = ? ORDER BY key, step",
        "latest_metrics": "SELECT * FROM latest_metrics WHERE run_uuid = ? ORDER BY key",
        "inputs": "SELECT * FROM inputs WHERE destination_id = ?",
        "input_tags": "SELECT input_tags.* FROM input_tags JOIN inputs USING (input_uuid) "
        "WHERE destination_id = ?",
        "datasets": "SELECT datasets.* FROM datasets JOIN inputs ON dataset_uuid = source_id "
        "WHERE destination_id = ?",
    }
    random = {"run_uuid", "destination_id", "input_uuid", "source_id", "dataset_uuid", "experiment_id"}
    times = {"start_time", "end_time", "timestamp", "creation_time", "last_update_time"}
    found: dict[str, list[Any]] = {}
    with sqlite3.connect(path) as database:
        database.row_factory = sqlite3.Row
        [made] = database.execute("SELECT * FROM experiments WHERE name = ?", (experiment,)).fetchall()
        for name, select in selects.items():
            read_rows = [row for run_id in run_ids for row in database.execute(select, (run_id,))]
            assert read_rows, name
            found[name] = [
                {
                    column: (type(value) if column in times else shortened(value, made["experiment_id"], row))
                    for column, value in dict(row).items()
                    if column not in random
                }
                for row in read_rows
            ]
        found["experiments"] = [
            {
                column: (type(value) if column in times else shortened(value, made["experiment_id"], made))
                for column, value in dict(made).items()
                if column not in {"experiment_id", "name"}
            }
        ]
    return found


def shortened(value: Any, experiment: int, row: sqlite3.Row) -> Any:
    """A value without the ids of its own run and experiment in it."""
    if not isinstance(value, str):
        return value
    run_id = row["run_uuid"] if "run_uuid" in dict(row) else ""
    return value.replace(run_id or "\0", "R").replace(f"/mlruns/{experiment}", "/mlruns/E")


def test_rows_are_written_for_the_schema_of_the_installed_mlflow(open_store: Stores) -> None:
    # When this fails, MLflow has changed its tables: compare them, then set bulk_writer.SCHEMA anew.
    assert isinstance(open_store()._writer, bulk_writer.BulkWriter)


def test_another_schema_is_left_to_mlflows_client(uri: str, folder: Path) -> None:
    with sqlite3.connect(folder / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'another'")
    store = Store(uri)
    assert not isinstance(store._writer, bulk_writer.BulkWriter)
    store.prepare()
    with pytest.raises(InputError, match="another version of MLflow; run 'mlflow db upgrade sqlite:///"):
        store.start([opening("k", "demo", "run", {}, {}, None)])


@WRITERS
def test_a_run_in_training_is_visible(
    uri: str, open_store: Stores, a_start: Starts, through_client: bool
) -> None:
    [run_id] = open_store(through_client=through_client).start([a_start("k1")])
    run = read(uri, run_id)
    assert run.info.status == "RUNNING"
    assert run.data.tags["lossbench.loss"] == "huber"


@WRITERS
@pytest.mark.parametrize(
    ("outcome", "status"), [("diverged", "FAILED"), ("failed", "FAILED"), ("killed", "KILLED")]
)
def test_a_run_says_why_it_did_not_finish(
    uri: str,
    open_store: Stores,
    a_start: Starts,
    a_result: Results,
    through_client: bool,
    outcome: str,
    status: str,
) -> None:
    store = open_store(through_client=through_client)
    [run_id] = store.start([a_start()])
    store.finish([a_result(run_id, outcome, reason="it broke at step 50", traceback="File x\nValueError: y")])
    store.flush()
    run = read(uri, run_id)
    assert run.info.status == status
    assert run.data.tags["lossbench.outcome"] == outcome
    assert run.data.tags["lossbench.reason"] == "it broke at step 50"
    assert "ValueError: y" in run.data.tags["lossbench.traceback"]
    assert "ValueError: y" in run.data.tags["mlflow.note.content"]  # the description that the page shows


@WRITERS
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_curve_ends_before_what_mlflow_cannot_hold(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results, through_client: bool, value: float
) -> None:
    store = open_store(through_client=through_client)
    [run_id] = store.start([a_start()])
    history = {"train/loss": [(1, 3.0), (2, value), (3, 1.0)], "val/mae": [(1, value)]}
    store.finish([a_result(run_id, history=history, metrics={"test/mae": value, "test/r2": 0.5})])
    store.flush()
    run = read(uri, run_id)
    assert run.data.metrics == {"train/loss": 3.0, "test/r2": 0.5}
    assert curve(uri, run_id, "train/loss") == [(1, 3.0)]
    told = run.data.tags["lossbench.not_finite"]
    assert f"train/loss is {value} at step 2" in told
    assert f"test/mae is {value}" in told


@WRITERS
def test_more_than_one_call_of_mlflow_holds(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results, through_client: bool
) -> None:
    store = open_store(through_client=through_client)
    params = {f"p{i}": "x" * 7000 for i in range(130)}
    [run_id] = store.start([a_start(params=params)])
    history = {f"val/m{i}": [(step, float(step)) for step in range(1, 301)] for i in range(6)}
    store.finish([a_result(run_id, history=history)])
    store.flush()
    run = read(uri, run_id)
    assert set(run.data.params) == set(params)
    assert {len(value) for value in run.data.params.values()} == {6000}
    assert [len(curve(uri, run_id, name)) for name in history] == [300] * 6


def test_what_was_started_and_never_finished_ends_as_killed(
    uri: str, open_store: Stores, a_start: Starts
) -> None:
    store = open_store()
    [run_id] = store.start([a_start()])
    store.close()
    assert read(uri, run_id).info.status == "KILLED"


@WRITERS
def test_an_interruption_right_after_runs_were_created_leaves_none_of_them_open(
    uri: str,
    open_store: Stores,
    a_start: Starts,
    through_client: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLflow has their ids then, and the store does not."""
    store = open_store(through_client=through_client)
    create, made = store._writer.create, []

    def interrupted(openings: list[Opening], may_exist: bool) -> list[str]:
        made.append(create(openings, may_exist))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store._writer, "create", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.start([a_start("k1"), a_start("k2")])
    store.close()
    assert {read(uri, run_id).info.status for run_id in made[0]} == {"KILLED"}
    experiment = read(uri, made[0][0]).info.experiment_id
    assert len(mlflow.MlflowClient(uri).search_runs([experiment])) == len(made[0])


def test_a_result_is_handed_over_whole_before_an_interruption(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    [run_id] = store.start([a_start()])
    put = store._recorder.put

    def interrupted(entries: list[Any]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        put(entries)

    with monkeypatch.context() as patched:
        patched.setattr(store._recorder, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.finish([a_result(run_id)])
    store.close()
    assert read(uri, run_id).info.status == "FINISHED"


@WRITERS
def test_results_of_deleted_runs_are_told_and_kept_and_the_others_recorded(
    uri: str,
    open_store: Stores,
    a_start: Starts,
    a_result: Results,
    folder: Path,
    through_client: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = open_store(through_client=through_client)
    ids = store.start([a_start(f"k{i}") for i in range(4)])
    mlflow.MlflowClient(uri).delete_run(ids[1])
    mlflow.MlflowClient(uri).delete_run(ids[2])
    store.finish([a_result(run_id) for run_id in ids])
    with pytest.raises(NotRecorded, match=r"refuses the results of run run k1: .*\.refused file\.$"):
        store.flush()
    assert [read(uri, run_id).info.status for run_id in ids] == [
        "FINISHED",
        "RUNNING",
        "RUNNING",
        "FINISHED",
    ]
    assert "refuses the results of run run k2" in caplog.text
    assert len(list((folder / "lossbench-unrecorded").glob("*.refused"))) == 2
    store.flush()  # told once


@WRITERS
def test_a_deleted_experiment_is_refused(
    uri: str, open_store: Stores, a_start: Starts, through_client: bool
) -> None:
    client = mlflow.MlflowClient(uri)
    client.delete_experiment(client.create_experiment("demo"))
    with pytest.raises(InputError, match=r"'demo' was deleted in MLflow; restore it with 'mlflow exper"):
        open_store(through_client=through_client).start([a_start()])


def test_a_fault_of_ours_is_not_swallowed(open_store: Stores, a_start: Starts, a_result: Results) -> None:
    store = open_store()
    ids = store.start([a_start("k1"), a_start("k2")])
    store.finish([a_result(ids[0], metrics={"test/mae": "not a number"}), a_result(ids[1])])
    with pytest.raises(TypeError):
        store.flush()
    assert set(store.finished(["k1", "k2"])) == {"k2"}


def test_closing_leaves_one_file(
    open_store: Stores, a_start: Starts, a_result: Results, folder: Path
) -> None:
    store = open_store()
    store.finish([a_result(run_id) for run_id in store.start([a_start()])])
    store.close()
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
