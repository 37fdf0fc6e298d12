"""The artifacts of a database lie beside it, wherever its folder goes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from lossbench.report.figures.stored import unread
from lossbench.report.record import record
from lossbench.report.write import replace_files
from lossbench.tracking import Opening, RunResult, Store, read_artifact, read_runs
from lossbench.tracking.client_writer import ClientWriter
from lossbench.tracking.creation import prepare_database
from lossbench.tracking.places import bring_along
from lossbench.verdicts.predictions import FILE

Starts = Callable[..., Opening]
Results = Callable[..., RunResult]
Add = Callable[..., str]


@pytest.fixture
def add(a_start: Starts, a_result: Results) -> Add:
    """Records a run with predictions in the database of a folder; its id."""

    def one(folder: Path, key: str, through_client: bool = False) -> str:
        with Store(f"sqlite:///{folder}/mlflow.db") as store:
            if through_client:
                store._writer = ClientWriter(store.address)
            store.prepare()
            [run_id] = store.start([a_start(key)])
            store.finish([a_result(run_id, artifacts={FILE: key.encode()})])
        return run_id

    return one


@pytest.fixture
def project(folder: Path, database: Path, add: Add) -> tuple[Path, str]:
    """A folder with a database, made from another folder, and the run in it."""
    (folder / "a").mkdir()
    shutil.copy(database, folder / "a" / "mlflow.db")
    return folder / "a", add(folder / "a", "before")


def files(folder: Path) -> list[str]:
    return sorted(file.read_text() for file in folder.rglob(FILE))


def read(folder: Path, run_id: str) -> bytes | None:
    return read_artifact(f"sqlite:///{folder}/mlflow.db", run_id, FILE)


@pytest.mark.parametrize("through_client", [False, True], ids=["rows", "client"])
def test_artifacts_go_beside_the_database_and_not_into_the_current_folder(
    folder: Path, database: Path, add: Add, through_client: bool
) -> None:
    (folder / "a").mkdir()
    shutil.copy(database, folder / "a" / "mlflow.db")
    run_id = add(folder / "a", "before", through_client)
    assert read(folder / "a", run_id) == b"before"
    assert not (folder / "mlruns").exists()


def test_a_moved_folder_is_read_and_goes_on_where_it_is_now(
    project: tuple[Path, str], folder: Path, add: Add
) -> None:
    before, run_id = project
    moved = before.rename(folder / "b")
    assert read(moved, run_id) == b"before"
    after = add(moved, "after")
    assert (read(moved, run_id), read(moved, after)) == (b"before", b"after")
    replace_files(folder / "report", {"README.md": b""})
    record(f"sqlite:///{moved}/mlflow.db", "demo", folder / "report", "")
    assert list(moved.rglob("artifacts/report/README.md"))
    assert not before.exists()


def test_a_copied_folder_leaves_the_original_alone(project: tuple[Path, str], folder: Path, add: Add) -> None:
    original, run_id = project
    copy = Path(shutil.copytree(original, folder / "copy"))
    (copy / "mlruns" / "1" / run_id / "artifacts" / FILE).write_bytes(b"of the copy")
    assert read(copy, run_id) == b"of the copy"
    add(copy, "after")
    assert files(original) == ["before"]
    assert files(copy) == ["after", "of the copy"]


def test_what_lies_elsewhere_on_purpose_stays(project: tuple[Path, str], folder: Path) -> None:
    before, run_id = project
    path = folder / "b" / "mlflow.db"
    path.parent.mkdir()
    (before / "mlflow.db").rename(path)  # without its artifacts
    with sqlite3.connect(path) as database:
        for name, place in (("bucket", "s3://b/mlruns/5"), ("own", "/own/artifacts")):
            row = (name, place)
            database.execute("INSERT INTO experiments (name, artifact_location) VALUES (?, ?)", row)
    prepare_database(path)
    assert read(path.parent, run_id) == b"before"
    with sqlite3.connect(path) as database:
        found = dict(database.execute("SELECT name, artifact_location FROM experiments"))
    assert found["bucket"] == "s3://b/mlruns/5"
    assert found["own"] == "/own/artifacts"
    assert found["demo"] == f"{folder}/b/mlruns/1"


def test_a_database_that_cannot_be_written_is_left(
    project: tuple[Path, str], folder: Path, lock: Callable[[], object]
) -> None:
    before, run_id = project
    shutil.copytree(before, folder, dirs_exist_ok=True)
    lock()
    bring_along(folder / "mlflow.db")
    (before / "mlruns").rename(folder / "gone")
    assert read(folder, run_id) == b"before"


def test_predictions_that_cannot_be_read_are_told(project: tuple[Path, str], folder: Path) -> None:
    place, run_id = project
    uri = f"sqlite:///{place}/mlflow.db"
    rows = read_runs(uri, "demo")
    remark = unread(uri, rows)  # what was recorded is no archive
    assert remark is not None
    assert remark.startswith("1 run was recorded with predictions that cannot be read")
    assert str(place / "mlruns" / "1" / run_id) in remark
    assert unread(uri, rows.drop(columns="lossbench.artifacts")) is None  # runs of before
    assert unread(uri, pd.DataFrame({"run_id": [run_id], "lossbench.artifacts": [None]})) is None
