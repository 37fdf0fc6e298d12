"""The report reads runs as a table and sees each key once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from lossbench.errors import InputError
from lossbench.report.making import read
from lossbench.tracking import (
    Opening,
    RunResult,
    Store,
    read_artifact,
    read_histories,
    read_runs,
    runs,
)
from lossbench.tracking.address import parse
from lossbench.tracking.database_records import DatabaseRecords
from lossbench.tracking.reader import reading
from lossbench.tracking.records import Records
from lossbench.tracking.server_records import ServerRecords

Starts = Callable[..., Opening]
Results = Callable[..., RunResult]
Stores = Callable[..., Store]


def test_a_run_is_a_row(uri: str, open_store: Stores, a_start: Starts, a_result: Results) -> None:
    store = open_store()
    ids = store.start(
        [
            a_start("k1", params={"loss.name": "huber", "loss.delta": "0.5", "seed": "0", "mixed": "1"}),
            a_start("k2", params={"loss.name": "mse", "seed": "10", "mixed": "null"}),
            a_start("k3"),
        ]
    )
    store.finish([a_result(ids[0]), a_result(ids[1], "diverged", reason="loss is nan", metrics={})])
    store.flush()
    table = read_runs(uri, "demo").set_index("key")
    assert list(table.index) == ["k1", "k2"]  # k3 is in training
    assert list(table["run_id"]) == ids[:2]
    assert list(table["name"]) == ["run k1", "run k2"]
    assert list(table["status"]) == ["FINISHED", "FAILED"]
    assert list(table["outcome"]) == ["finished", "diverged"]
    assert list(table["loss.name"]) == ["huber", "mse"]
    assert list(table["seed"]) == [0, 10]
    assert pd.api.types.is_integer_dtype(table["seed"])
    assert table["loss.delta"]["k1"] == 0.5
    assert pd.isna(table["loss.delta"]["k2"])
    assert list(table["mixed"]) == ["1", "null"]
    assert table["test/mae"]["k1"] == 0.5
    assert pd.isna(table["test/mae"]["k2"])
    assert pd.isna(table["reason"]["k1"])
    assert table["reason"]["k2"] == "loss is nan"
    assert table["started"].dt.tz is not None
    assert (table["seconds"] >= 0).all()
    assert list(table["lossbench.data"]) == ["outliers", "outliers"]


@pytest.mark.parametrize("reader", [DatabaseRecords, ServerRecords])
def test_a_deleted_experiment_is_told_from_a_misspelt_one(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results, reader: type[Records]
) -> None:
    store = open_store()
    store.finish([a_result(store.start([a_start()])[0])])
    store.flush()
    client = mlflow.MlflowClient(uri)
    number = client.get_experiment_by_name("demo").experiment_id
    records = reader(parse(uri))
    assert records.deleted("demo") is None
    client.delete_experiment(number)
    assert records.deleted("demo") == number
    assert records.deleted("dem") is None
    records.close()
    with pytest.raises(InputError, match=f"'demo' was deleted in MLflow; .* restore -x {number}'"):
        read("demo", uri, {})
    with pytest.raises(InputError, match="Nothing is recorded as experiment=dem "):
        read("dem", uri, {})
    client.restore_experiment(number)
    assert len(read("demo", uri, {})) == 1


def test_metrics_of_an_earlier_version_have_the_names_of_today(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results
) -> None:
    store = open_store()
    told = {"best/epoch": 2.0, "choose/mae": 0.3, "cross/mse": 0.2, "test/mae": 0.5, "cross/mape": math.inf}
    store.finish([a_result(run_id, metrics=told) for run_id in store.start([a_start("k1")])])
    store.flush()
    [row] = read_runs(uri, "demo").to_dict("records")
    now = {"val_best/epoch": 2.0, "val_choose/mae": 0.3, "test_cross/mse": 0.2, "test/mae": 0.5}
    curves = {"train/loss": 2.0, "val/mae": 0.25}
    assert {name: row[name] for name in row if "/" in name} == now | curves
    assert row["lossbench.not_finite"] == "test_cross/mape is inf"
    assert store.finished(["k1"], "demo")["k1"].metrics == now | curves


def test_a_failure_shows_only_where_there_is_no_result(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results
) -> None:
    store = open_store()
    for key, outcome in [("k1", "failed"), ("k1", "finished"), ("k2", "finished"), ("k2", "failed")]:
        store.finish([a_result(run_id, outcome) for run_id in store.start([a_start(key)])])
    store.finish([a_result(run_id, "failed") for run_id in store.start([a_start("k3")])])
    store.flush()
    table = read_runs(uri, "demo")
    assert dict(zip(table["key"], table["outcome"], strict=True)) == {
        "k1": "finished",
        "k2": "finished",
        "k3": "failed",
    }


def test_kinds_are_told_apart(uri: str, open_store: Stores, a_start: Starts, a_result: Results) -> None:
    store = open_store()
    starts = [a_start("k1"), a_start("s1", tags={"lossbench.kind": "summary"})]
    store.finish([a_result(run_id) for run_id in store.start(starts)])
    store.flush()
    assert list(read_runs(uri, "demo")["key"]) == ["k1"]
    assert list(read_runs(uri, "demo", kinds=("summary",))["key"]) == ["s1"]
    assert len(read_runs(uri, "demo", kinds=("summary", "member"))) == 2


def test_what_is_read_briefly_is_what_counts_and_one_run_is_read_whole(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results
) -> None:
    store = open_store()
    tags = {runs.CONFIG: "{}", "lossbench.loss": "huber"}
    starts = [a_start(key, tags=tags) for key in ("a", "b")]
    ids = store.start(starts)
    store.finish([a_result(run_id=run_id) for run_id in ids])
    store.flush()
    with reading(parse(uri)) as records:
        whole, brief = records.runs("demo"), records.runs("demo", briefly=True)
        assert [one.counts for one in brief] == [one.counts for one in whole] == [True, True]
        for one, shown in zip(whole, brief, strict=True):
            standing = {name: value for name, value in one.tags.items() if name in runs.STANDING}
            assert shown == replace(one, tags=standing)
            assert not set(one.tags).intersection(runs.LONG)
            recorded = records.run(one.run_id)
            assert recorded is not None
            assert runs.CONFIG in recorded.tags


@pytest.mark.parametrize("reader", [DatabaseRecords, ServerRecords])
def test_what_trains_and_when_something_last_did_is_asked_for_alone(
    uri: str, open_store: Stores, a_start: Starts, a_result: Results, reader: type[Records]
) -> None:
    store = open_store()
    first, second = store.start([a_start("a"), a_start("b")])
    store.finish([a_result(run_id=first)])
    store.flush()
    records = reader(parse(uri))
    assert [one.run_id for one in records.running("demo")] == [second]
    assert [one.run_id for one in records.running(None)] == [second]
    assert records.running("other") == []
    ended = {one.run_id: one for one in records.runs("demo")}[first]
    starts = [one.started for one in records.runs("demo")]
    for asked in ("demo", None):
        assert records.times(asked) == {("demo", "member"): (max(starts), ended.ended)}
    assert records.times("other") == {}
    records.close()


def test_an_experiment_without_runs_is_an_empty_table(uri: str) -> None:
    table = read_runs(uri, "never run")
    assert len(table) == 0
    assert {"run_id", "key", "outcome", "started"} <= set(table.columns)
    assert len(read_histories(uri, [], "val/mae")) == 0


def test_curves_come_back_sorted(uri: str, open_store: Stores, a_start: Starts, a_result: Results) -> None:
    store = open_store()
    ids = store.start([a_start("k1"), a_start("k2"), a_start("k3")])
    curves: list[list[tuple[int, float]]] = [[(1, 3.0), (2, 2.0), (10, 1.0)], [(1, 5.0)], []]
    store.finish([a_result(i, history={"val/mae": c}) for i, c in zip(ids, curves, strict=True)])
    store.flush()
    points = read_histories(uri, [ids[1], ids[0], ids[2]], "val/mae")
    assert list(points.itertuples(index=False, name=None)) == [
        (ids[1], 1, 5.0),
        *((ids[0], step, value) for step, value in curves[0]),
    ]
    assert len(read_histories(uri, ids, "val/unknown")) == 0


def test_artifacts_come_back(uri: str, open_store: Stores, a_start: Starts, a_result: Results) -> None:
    store = open_store()
    [run_id] = store.start([a_start()])
    content = json.dumps({"a": 1}).encode()
    store.finish([a_result(run_id, artifacts={"notes.json": content})])
    store.flush()
    assert read_artifact(uri, run_id, "notes.json") == content
    assert read_artifact(uri, run_id, "predictions.npz") is None
    assert read_artifact(uri, "0" * 32, "notes.json") is None


def test_no_database_is_told_and_none_is_made(folder: Path) -> None:
    with pytest.raises(InputError, match=r"no tracking database .*mlflow\.db; run a sweep first"):
        read_runs("sqlite:///mlflow.db", "demo")
    assert list(folder.iterdir()) == []
    (folder / "mlflow.db").write_text("not a database")
    with pytest.raises(InputError, match="is not a complete MLflow database"):
        read_runs("sqlite:///mlflow.db", "demo")
    (folder / "mlflow.db").write_bytes(b"")
    with pytest.raises(InputError, match=r"mlflow\.db is empty; run a sweep first"):
        read_runs("sqlite:///mlflow.db", "demo")
    assert not Store("sqlite:///mlflow.db").exists()
