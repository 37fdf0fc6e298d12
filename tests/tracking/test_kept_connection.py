"""One connection for the transactions of a batch: whole or not at all, in turn, and in the file behind it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from lossbench.tracking.kept_connection import KeptConnection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
    return path


@pytest.fixture
def kept(path: Path) -> Iterator[KeptConnection]:
    def file() -> Path:
        if not path.exists():
            raise FileNotFoundError(f"{path.name} is not there any more")
        return path

    with closing(KeptConnection(file)) as kept:
        yield kept


def add(kept: KeptConnection, number: int) -> sqlite3.Connection:
    with kept.transaction() as database:
        database.execute("INSERT INTO numbers VALUES (?)", (number,))
        return database


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT number FROM numbers ORDER BY number")]


def test_transactions_share_a_connection_until_it_is_closed(kept: KeptConnection, path: Path) -> None:
    first, second = add(kept, 1), add(kept, 2)
    kept.close()
    assert first is second is not add(kept, 3)
    assert numbers(path) == [1, 2, 3]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_transaction_that_ends_early_leaves_nothing_and_no_lock(
    kept: KeptConnection, path: Path, error: type[BaseException]
) -> None:
    def end_early() -> None:
        with kept.transaction() as database:
            database.execute("INSERT INTO numbers VALUES (2)")
            raise error

    add(kept, 1)
    with pytest.raises(error):
        end_early()
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    add(kept, 3)
    assert numbers(path) == [1, 3]


def test_threads_take_turns(kept: KeptConnection, path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: add(kept, number), range(200)))
    assert numbers(path) == list(range(200))


def test_behind_a_batch_the_file_alone_has_it(kept: KeptConnection, path: Path) -> None:
    for number in range(3):
        add(kept, number)
    kept.close()
    shutil.copy(path, path.with_name("copy.db"))  # without the write-ahead log
    assert numbers(path.with_name("copy.db")) == [0, 1, 2]


def test_a_database_that_was_removed_is_not_made_again(kept: KeptConnection, path: Path) -> None:
    add(kept, 1)
    path.rename(path.with_name("moved.db"))
    with pytest.raises(FileNotFoundError, match="not there any more"):
        add(kept, 2)
    assert not path.exists()
