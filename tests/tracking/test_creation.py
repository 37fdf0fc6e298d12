"""The database is there, whole, before anything is recorded, whoever starts at the same moment."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lossbench.errors import InputError
from lossbench.tracking import Store, creation
from lossbench.tracking.creation import prepare_database
from lossbench.tracking.quiet import client

RECORD_ONE = """
import sys
from lossbench.tracking import RunResult, opening, Store
with Store("sqlite:///mlflow.db") as store:
    store.prepare()
    [run_id] = store.start([opening(sys.argv[1], "demo", "run", {}, {}, None)])
    store.finish([RunResult(run_id, "finished", metrics={"test/mae": 1.0})])
from pathlib import Path
assert Path("mlflow.db").exists()
"""


def test_four_processes_start_at_once_without_a_database(
    nursery: Any, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    killed = folder / ".lossbench-new-abc"  # what a killed creation leaves
    killed.mkdir()
    (killed / "tables.db").touch()
    (folder / "mlflow.db").touch()  # as other programs leave it: sqlite makes an empty file at connect
    (folder / "record_one.py").write_text(RECORD_ONE)
    said = tmp_path_factory.mktemp("said")
    keys = [f"k{i}" for i in range(4)]
    started = [nursery.start("record_one", (key,), folder, said / key, said / key) for key in keys]
    for key, pid in zip(keys, started, strict=True):
        # No chatter of MLflow, alembic or sqlalchemy.
        assert (nursery.wait(pid), (said / key).read_text()) == (0, "")
    store = Store("sqlite:///mlflow.db")
    assert set(store.finished(keys)) == set(keys)
    store.close()
    left = {path.name for path in folder.iterdir()} - {"record_one.py", "__pycache__"}
    assert left == {"mlflow.db", "cache"}
    assert [path.suffix for path in (folder / "cache").iterdir()] == [".db"]


def content(path: Path) -> list[list[str]]:
    """The words of the schema and of all rows, without the moment of creation.

    They are sorted, since MLflow makes indexes and constraints in no fixed order.
    """
    with sqlite3.connect(path) as database:
        database.execute("UPDATE experiments SET creation_time = 0, last_update_time = 0")
        lines = sorted(sorted(re.findall(r"\w+", line)) for line in database.iterdump())
        database.rollback()
    return lines


def test_a_second_database_is_as_mlflow_would_have_built_it(
    folder: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    creation._keep_blank(database)
    client("sqlite:///mlflows_own.db").search_experiments()
    monkeypatch.setattr(creation, "client", None)  # would be called, were it built
    prepare_database(folder / "mlflow.db")
    assert content(folder / "mlflow.db") == content(folder / "mlflows_own.db")


def test_a_damaged_blank_is_built_again(folder: Path, database: Path) -> None:
    whole = database.read_bytes()
    blank = creation._blank()
    blank.parent.mkdir()
    for damage in (b"", b"no database"):
        blank.write_bytes(damage)
        assert not creation._copy_blank(folder / "copy.db")
        assert not (folder / "copy.db").exists()
    blank.write_bytes(whole[: len(whole) // 2])
    prepare_database(folder / "mlflow.db")
    assert Store("sqlite:///mlflow.db").finished(["key"]) == {}
    assert content(blank) == content(folder / "mlflow.db")


def test_a_cache_that_cannot_be_written_is_done_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a_file").touch()
    monkeypatch.setenv("LOSSBENCH_CACHE", str(folder / "a_file" / "cache"))
    prepare_database(folder / "mlflow.db")
    assert Store("sqlite:///mlflow.db").finished(["key"]) == {}


def test_an_existing_database_is_kept_and_gets_a_write_ahead_log(uri: str, folder: Path) -> None:
    path = folder / "mlflow.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("INSERT INTO experiments (name, lifecycle_stage) VALUES ('mine', 'active')")
    prepare_database(path)
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("SELECT 1 FROM experiments WHERE name = 'mine'").fetchone()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a text, and not a database, however long it is ......" * 3, "not a complete MLflow database"),
        ("CREATE TABLE notes (text)", "not a complete MLflow database"),
        ("CREATE TABLE alembic_version (version_num)", "not a complete MLflow database"),
    ],
    ids=["text", "other", "half"],
)
def test_another_file_is_refused_and_left_alone(folder: Path, content: bytes | str, words: str) -> None:
    path = folder / "other.db"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with sqlite3.connect(path) as database:
            database.execute(content)
    before = path.read_bytes()
    with pytest.raises(InputError, match=words):
        prepare_database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["/proc/nowhere/mlflow.db", "a_file/mlflow.db"])
def test_a_folder_that_cannot_be_written_is_refused(folder: Path, place: str) -> None:
    (folder / "a_file").touch()
    with pytest.raises(InputError, match=r"mlflow\.db cannot be written .*tracking\.uri\.$"):
        prepare_database(folder / place)


def test_a_locked_database_does_not_stop_a_start(uri: str, folder: Path, lock: Callable[[], object]) -> None:
    lock()
    prepare_database(folder / "mlflow.db")
