"""MLflow's sqlite database: created once, whole or not at all, whoever starts at the same moment.

MLflow itself builds its tables one by one in the final file, which takes seconds and breaks when two
processes do it at once or one is killed meanwhile. Here it builds them in a file of its own, which then
takes the final name in one step, under a lock. The empty tables are kept in lossbench's cache folder, so that
further databases are copies: milliseconds instead of the seconds that MLflow takes to import and to build.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from lossbench.data.archive import cache_folder
from lossbench.errors import InputError, first_line
from lossbench.tracking.places import artifact_place, bring_along, opened
from lossbench.tracking.quiet import client

_LOCK_SECONDS = 120.0
_ASIDE = ".lossbench-new-"


def prepare_database(path: Path) -> None:
    """Make sure that an MLflow database is there and can be written; some milliseconds when it is.

    Raises:
        InputError: the file or its folder cannot be written, or the file is something else.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not is_ready(path):
            with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
                if not is_ready(path):
                    _create(path)
                # Who waits for the lock finds the database ready, so its file is not needed any more.
                Path(f"{path}.lock").unlink(missing_ok=True)
        _settle(path)
        bring_along(path)
    except Timeout:
        raise InputError(
            f"{path} is being created by another process for more than {_LOCK_SECONDS:.0f} s; "
            f"if none runs any more, delete {path}.lock."
        ) from None
    except (OSError, sqlite3.OperationalError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"The tracking database {path} cannot be written ({why}); "
            "make its folder writable, or name another with tracking.uri."
        ) from None


def is_ready(path: Path) -> bool:
    """Whether the file holds MLflow's tables; False where there is none or an empty one; else refused."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        with opened(path) as database:
            names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            known = {"alembic_version", "runs", "tags", "metrics", "experiments"} <= names
            if known and database.execute("SELECT version_num FROM alembic_version").fetchone():
                return True
    except sqlite3.OperationalError as error:
        if "locked" in str(error):  # someone works on it, so it is there; recording waits for its turn
            return True
        raise
    except sqlite3.DatabaseError:
        pass
    raise InputError(
        f"{path} is not a complete MLflow database; move it away, or name another with tracking.uri."
    )


def _create(path: Path) -> None:
    """Build the tables aside and give them their name at the end."""
    for abandoned in path.parent.glob(f"{_ASIDE}*"):  # whoever made it is dead: the lock is ours
        shutil.rmtree(abandoned, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=path.parent))
    try:
        whole = aside / "whole.db"
        if not _copy_blank(whole):
            client(f"sqlite:///{aside / 'tables.db'}").search_experiments(max_results=1)
            # A copy, because MLflow keeps its connection to the file that it has built.
            _copy(aside / "tables.db", whole)
            _keep_blank(whole)
        with opened(whole) as database:
            database.execute("PRAGMA journal_mode=WAL")
        whole.replace(path)
    except Exception as error:
        if isinstance(error, (OSError, sqlite3.Error)):
            raise
        raise OSError(first_line(error)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _blank() -> Path:
    """Where the empty tables of the installed MLflow are kept."""
    return cache_folder() / f"mlflow-{version('mlflow')}.db"


def _copy_blank(path: Path) -> bool:
    """Begin with the tables that an earlier creation has kept; False where there are none of use."""
    blank = _blank()
    try:
        if not is_ready(blank):
            return False
        _copy(blank, path)
        now = time.time_ns() // 1_000_000
        with opened(path) as database:
            if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError
            # What MLflow itself would have written here and now.
            database.execute(
                "UPDATE experiments SET artifact_location = ?, creation_time = ?, last_update_time = ?",
                (artifact_place(path.parent, 0), now, now),
            )
    except (InputError, OSError, sqlite3.Error):
        path.unlink(missing_ok=True)
        return False
    return True


def _keep_blank(path: Path) -> None:
    """Keep new tables for later; where the cache cannot be written, the next creation builds them again."""
    with contextlib.suppress(OSError, sqlite3.Error):
        folder = _blank().parent
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_ASIDE, dir=folder) as aside:
            _copy(path, Path(aside) / "blank.db")
            (Path(aside) / "blank.db").replace(_blank())


def _copy(source: Path, target: Path) -> None:
    with opened(source) as before, opened(target) as after:
        before.backup(after)


def _settle(path: Path) -> None:
    """Try a write lock, and switch to the write-ahead log, in which readers and writers do not wait."""
    with opened(path) as database:
        try:
            if database.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                database.execute("PRAGMA journal_mode=WAL")
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise


def tidy(path: Path) -> None:
    """Move what the write-ahead log holds into the database file, so that it may be copied alone."""
    with opened(path) as database, contextlib.suppress(sqlite3.Error):
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
