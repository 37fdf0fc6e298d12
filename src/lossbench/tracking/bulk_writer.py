"""Many runs written into MLflow's sqlite database in one transaction.

MLflow's client takes 10 ms and more of processor time for a run of 140 metric values and 40 params, about
what a member of a pack takes to train, nearly all of it to make an object of every row. The same rows written
as rows take 1 ms. They go into MLflow's own tables, so this is done only where the schema is the one that is
known here; a test compares every row with what the client writes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lossbench.errors import InputError
from lossbench.tracking import runs
from lossbench.tracking.address import Address, local_path
from lossbench.tracking.conversion import (
    DATA_SET_CONTEXT,
    deleted_experiment,
    finite_part,
    finite_points,
    result_tags,
)
from lossbench.tracking.journal import Entry, Opening
from lossbench.tracking.kept_connection import LOCK_SECONDS, KeptConnection
from lossbench.tracking.places import artifact_place, write_beside
from lossbench.tracking.rising_id import rising_id
from lossbench.tracking.writer import DIED, Writer

SCHEMA = "dc11669786a5"  # alembic's revision of MLflow 3.17

_NEW_RUN = """INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,
    start_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
    VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)"""
_SET_TAG = """INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)
    ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"""
_SET_EXPERIMENT_TAG = """INSERT INTO experiment_tags (experiment_id, key, value)
    SELECT experiment_id, ?, ? FROM experiments WHERE name = ?
    ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value"""
_ADD_PARAM = "INSERT OR IGNORE INTO params (run_uuid, key, value) VALUES (?, ?, ?)"
_ADD_METRIC = """INSERT OR IGNORE INTO metrics (run_uuid, key, timestamp, step, value, is_nan)
    VALUES (?, ?, ?, ?, ?, 0)"""
_SET_LATEST = """INSERT INTO latest_metrics (run_uuid, key, timestamp, step, value, is_nan)
    VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (key, run_uuid) DO UPDATE SET
    timestamp = excluded.timestamp, step = excluded.step, value = excluded.value, is_nan = 0"""
_END = "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?"
_NEW_EXPERIMENT = """INSERT INTO experiments (name, lifecycle_stage, creation_time, last_update_time)
    VALUES (?, 'active', ?, ?)"""
_NEW_DATA_SET = """INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type,
    dataset_source, dataset_schema, dataset_profile)
    VALUES (:uuid, :experiment, :name, :digest, :source_type, :source, :schema, :profile)"""
_NEW_INPUT = """INSERT INTO inputs
    (input_uuid, source_type, source_id, destination_type, destination_id, step)
    VALUES (?, 'DATASET', ?, 'RUN', ?, 0)"""
_FIND_RUNNING = """SELECT runs.run_uuid FROM runs, tags AS name, tags AS process
    WHERE name.run_uuid = runs.run_uuid AND name.key = ? AND name.value = ?
    AND process.run_uuid = runs.run_uuid AND process.key = ? AND process.value = ?
    AND runs.status = 'RUNNING'"""
_FIND_KIND = """SELECT runs.run_uuid, key.value FROM runs, experiments, tags AS kind, tags AS key
    WHERE experiments.name = ? AND runs.experiment_id = experiments.experiment_id
    AND kind.run_uuid = runs.run_uuid AND kind.key = ? AND kind.value = ?
    AND key.run_uuid = runs.run_uuid AND key.key = ? AND runs.lifecycle_stage = 'active'"""
_RENEW = "UPDATE runs SET name = ?, start_time = ? WHERE run_uuid = ?"
_DELETE = "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE run_uuid = ?"


class BulkWriter(Writer):
    """Writes rows. A call is one transaction: all of it is written, or nothing."""

    at_once = 32  # 30 ms, so that other processes wait no longer for the lock

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._kept = KeptConnection(self._file)

    @staticmethod
    def knows(address: Address) -> bool:
        """Whether the address is a sqlite database of the known schema."""
        try:
            if address.path is None or not address.path.exists():
                return False
            with contextlib.closing(sqlite3.connect(address.path, timeout=LOCK_SECONDS)) as database:
                return database.execute("SELECT version_num FROM alembic_version").fetchall() == [(SCHEMA,)]
        except (OSError, sqlite3.Error):  # a folder, a name that is too long, what is no database
            return False

    def _file(self) -> Path:
        if self.address.path is None or not self.address.path.exists():
            # Not created again: an empty file would look like a database without runs.
            raise FileNotFoundError(f"{self.address.spoken} is not there any more")
        return self.address.path

    def create(self, openings: Sequence[Opening], may_exist: bool) -> list[str]:
        path = self._file()
        with self._kept.transaction() as database:
            return [
                (_find_running(database, opening) if may_exist else None) or _create(database, opening, path)
                for opening in openings
            ]

    def show(self, curves: Mapping[str, runs.Points]) -> None:
        now = time.time_ns() // 1_000_000
        with self._kept.transaction() as database:
            for run_id, own in curves.items():
                points = finite_points(own)
                database.executemany(
                    _ADD_METRIC, [(run_id, n, now, step, value) for n, step, value in points]
                )
                last = {name: (run_id, name, now, step, value) for name, step, value in points}
                database.executemany(_SET_LATEST, last.values())

    def record(self, results: Sequence[tuple[str, Entry]]) -> None:
        with self._kept.transaction() as database:
            places = [_artifact_place(database, run_id, entry) for run_id, entry in results]
            for run_id, entry in results:
                _record(database, run_id, entry)
            for place, (_, entry) in zip(places, results, strict=True):
                _write_artifacts(place, entry)

    def mark(self, run_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        with self._kept.transaction() as database:
            _tag(database, run_ids, tags)

    def keep(self, run_id: str, files: Mapping[str, bytes]) -> None:
        if not write_beside(self.address, self._file(), run_id, files):
            from lossbench.tracking.client_writer import ClientWriter

            ClientWriter(self.address).keep(run_id, files)  # into a bucket, which MLflow's client reaches

    def mark_experiment(self, experiment: str, tags: Mapping[str, str]) -> None:
        with self._kept.transaction() as database:
            rows = [(name, value, experiment) for name, value in tags.items()]
            database.executemany(_SET_EXPERIMENT_TAG, rows)

    def bury(self, run_ids: Sequence[str]) -> None:
        now = time.time_ns() // 1_000_000
        with self._kept.transaction() as database:
            _tag(database, run_ids, {runs.OUTCOME: "killed", runs.REASON: DIED})
            database.executemany(_END, [("KILLED", now, run_id) for run_id in run_ids])

    def replace(self, entries: Sequence[Entry], kind: str, experiment: str) -> list[str]:
        path = self._file()
        with self._kept.transaction() as database:
            found = database.execute(_FIND_KIND, (experiment, runs.KIND, kind, runs.KEY)).fetchall()
            earlier = {key: run_id for run_id, key in found}
            run_ids = [
                _renew(database, earlier.get(e.opening.tags[runs.KEY]), e.opening, path) for e in entries
            ]
            for run_id, entry in zip(run_ids, entries, strict=True):
                _record(database, run_id, entry)
            now = time.time_ns() // 1_000_000
            database.executemany(_DELETE, [(now, run_id) for run_id, _ in found if run_id not in run_ids])
        return run_ids

    def close(self) -> None:
        self._kept.close()


def _renew(database: sqlite3.Connection, run_id: str | None, opening: Opening, path: Path) -> str:
    """A record without content: the one of that id, emptied, or where there is none, a new one."""
    if run_id is None:
        return _create(database, opening, path)
    for table in ("tags", "params", "metrics", "latest_metrics"):
        database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))
    database.execute(_RENEW, (opening.name, opening.started, run_id))
    _tag(database, [run_id], {**opening.tags, "mlflow.runName": opening.name})
    return run_id


def _tag(database: sqlite3.Connection, run_ids: Sequence[str], tags: Mapping[str, str]) -> None:
    rows = [(run_id, name, value) for run_id in run_ids for name, value in tags.items()]
    database.executemany(_SET_TAG, rows)


def _find_running(database: sqlite3.Connection, opening: Opening) -> str | None:
    tags = opening.tags
    wanted = (runs.KEY, tags[runs.KEY], runs.PROCESS, tags[runs.PROCESS])
    found = database.execute(_FIND_RUNNING, wanted).fetchone()
    return str(found[0]) if found else None


def _create(database: sqlite3.Connection, opening: Opening, path: Path) -> str:
    experiment, place = _experiment(database, opening, path)
    run_id = rising_id()
    user = opening.tags.get("mlflow.user", "unknown")
    artifacts = f"{place}/{run_id}/artifacts"
    database.execute(_NEW_RUN, (run_id, opening.name, user, opening.started, artifacts, experiment))
    _tag(database, [run_id], {**opening.tags, "mlflow.runName": opening.name})
    if opening.data_set:
        _add_data_set(database, run_id, experiment, opening.data_set)
    return run_id


def _experiment(database: sqlite3.Connection, opening: Opening, path: Path) -> tuple[int, str]:
    """The id of an experiment and the place of its artifacts; made when missing."""
    name = opening.experiment
    find = "SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments WHERE name = ?"
    found = database.execute(find, (name,)).fetchone()
    if found is None:
        number = database.execute(_NEW_EXPERIMENT, (name, opening.started, opening.started)).lastrowid
        place = artifact_place(path, str(number))
        database.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (place, number)
        )
        return int(number or 0), place
    if found[2] == "deleted":
        raise deleted_experiment(name, str(found[0]))
    return int(found[0]), str(found[1])


def _add_data_set(
    database: sqlite3.Connection, run_id: str, experiment: int, data_set: Mapping[str, str]
) -> None:
    find = "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?"
    found = database.execute(find, (experiment, data_set["name"], data_set["digest"])).fetchone()
    number = found[0] if found else rising_id()
    if not found:
        database.execute(_NEW_DATA_SET, {"uuid": number, "experiment": experiment, **data_set})
    of_run = rising_id()
    database.execute(_NEW_INPUT, (of_run, number, run_id))
    database.execute(
        "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)", (of_run, *DATA_SET_CONTEXT)
    )


def _artifact_place(database: sqlite3.Connection, run_id: str, entry: Entry) -> str:
    """The address of a run's artifacts; refused where the record is gone."""
    find = "SELECT artifact_uri FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
    found = database.execute(find, (run_id,)).fetchone()
    if found is None:
        raise InputError(f"The run {run_id} ({entry.opening.name}) was deleted in MLflow while it trained.")
    return str(found[0])


def _write_artifacts(place: str, entry: Entry) -> None:
    folder = local_path(place)
    for name, content in entry.result.artifacts.items():
        if folder is None:
            raise InputError(
                f"The experiment {entry.opening.experiment!r} keeps artifacts at {place}, not here."
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _record(database: sqlite3.Connection, run_id: str, entry: Entry) -> None:
    result, ended = entry.result, entry.ended
    curves, left_out = finite_part(result)
    points = [(name, *point) for name, curve in curves.items() for point in curve]
    if points:  # all that was shown while it trained is among them; a run that was killed has nothing else
        for table in ("metrics", "latest_metrics"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))
    database.executemany(_ADD_PARAM, [(run_id, k, v) for k, v in entry.opening.params.items()])
    _add_points(database, run_id, points, ended)
    _tag(database, [run_id], result_tags(result, left_out))
    database.execute(_END, (runs.STATUS[result.outcome], ended, run_id))


def _add_points(
    database: sqlite3.Connection, run_id: str, points: Sequence[tuple[str, int, float]], at: int
) -> None:
    """Add (name, step, value), the steps of a name rising, and set the last of each name."""
    rows = [(run_id, name, at, step, value) for name, step, value in points]
    database.executemany(_ADD_METRIC, rows)
    database.executemany(_SET_LATEST, {row[1]: row for row in rows}.values())
