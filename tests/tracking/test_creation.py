"""The database is there, whole, before anything is recorded, whoever starts at the same moment."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbench.errors import InputError
from lossbench.tracking import Store, creation
from lossbench.tracking.creation import prepare_database
from lossbench.tracking.quiet import client

RECORD_ONE = """
    import logging, sys
    from lossbench.tracking import RunResult, opening, Store
    with Store("sqlite:///mlflow.db") as store:
        store.prepare()
        [run_id] = store.start([opening("{key}", "demo", "run", {{}}, {{}}, None)])
        store.finish([RunResult(run_id, "finished", metrics={{"test/mae": 1.0}})])
    from pathlib import Path
    assert Path("mlflow.db").exists()
"""


def test_four_processes_start_at_once_without_a_database(
    python: Callable[[str], subprocess.Popen[str]], folder: Path
) -> None:
    killed = folder / ".lossbench-new-abc"  # what a killed creation leaves
    killed.mkdir()
    (killed / "tables.db").touch()
    (folder / "mlflow.db").touch()  # as other programs leave it: sqlite makes an empty file at connect
    processes = [python(RECORD_ONE.format(key=f"k{i}")) for i in range(4)]
    for process in processes:
        told = process.communicate(timeout=120)
        assert process.returncode == 0, told
        assert told == ("", "")  # no chatter of MLflow, alembic or sqlalchemy
    store = Store("sqlite:///mlflow.db")
    assert set(store.finished([f"k{i}" for i in range(4)])) == {f"k{i}" for i in range(4)}
    store.close()
    assert {path.name for path in folder.iterdir()} == {"mlflow.db", "cache"}
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
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_database(folder / "first.db")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    client("sqlite:///mlflows_own.db").search_experiments()
    monkeypatch.setattr(creation, "client", None)  # would be called, were it built
    prepare_database(elsewhere / "mlflow.db")
    assert content(elsewhere / "mlflow.db") == content(elsewhere / "mlflows_own.db")


@pytest.mark.parametrize("damage", [b"", b"no database", None], ids=["empty", "text", "half"])
def test_a_damaged_blank_is_built_again(folder: Path, database: Path, damage: bytes | None) -> None:
    whole = database.read_bytes()
    blank = creation._blank()
    blank.parent.mkdir()
    blank.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
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


def test_a_locked_database_does_not_stop_a_start(
    uri: str, folder: Path, lock: Callable[[float], None]
) -> None:
    lock(60)
    prepare_database(folder / "mlflow.db")
