"""Where the artifacts of a sqlite database lie: beside it, also after its folder was moved or copied.

MLflow writes the full path of each experiment's and run's artifacts into the database. Where the folder of a
project is moved, these paths lead to where it was, and where it is copied, to the original.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from lossbench.tracking.address import Address, local_path

_FOLDER = "mlruns"

_PLACES = "SELECT experiment_id, artifact_location FROM experiments"
_PLACES_OF_RUNS = "SELECT run_uuid, artifact_uri FROM runs WHERE experiment_id = ?"
_SET_PLACE = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
_SET_PLACE_OF_RUN = "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?"


def opened(database: Path) -> contextlib.closing[sqlite3.Connection]:
    """A connection without implicit transactions and with little patience, closed at the end."""
    return contextlib.closing(sqlite3.connect(database, timeout=0.2, isolation_level=None))


def artifact_place(database: Path, experiment: int | str) -> str:
    """The address of the artifacts of an experiment, by its number."""
    return f"{database.parent.as_posix()}/{_FOLDER}/{experiment}"


def artifact_folder(address: Address, place: str) -> Path | None:
    """The folder on this machine that an artifact address means now; None where it is not on this machine."""
    recorded = local_path(place)
    near = _beside(recorded, address.path) if recorded and address.path else None
    return near if near and near.is_dir() else recorded


def write_beside(address: Address, database: Path, run_id: str, files: Mapping[str, bytes]) -> bool:
    """Write files among the artifacts of a run, by path; whether these lie on this machine."""
    with opened(database) as connection:
        place = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    folder = artifact_folder(address, str(place[0]))
    for name, content in files.items() if folder else ():
        path = Path(str(folder), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder is not None


def bring_along(database: Path) -> None:
    """Let the artifact addresses in a database lead to the folder beside it; a few rows are read each time.

    What was given an address of its own (another folder, a bucket) keeps it. So do runs whose artifacts lie
    where they were recorded, and not beside the database. Where the database cannot be written now, nothing
    is changed: the next one to open it does it.
    """
    with contextlib.suppress(sqlite3.OperationalError), opened(database) as connection:
        found = connection.execute(_PLACES).fetchall()
        moved = [(near, number) for number, place in found if (near := _moved(place, database))]
        if not moved:
            return
        connection.execute("BEGIN IMMEDIATE")
        for near, number in moved:
            rows = connection.execute(_PLACES_OF_RUNS, (number,)).fetchall()
            changed = [(there, run_id) for run_id, place in rows if (there := _moved_run(place, database))]
            connection.executemany(
                _SET_PLACE_OF_RUN, [(there.as_posix(), run_id) for there, run_id in changed]
            )
            connection.execute(_SET_PLACE, (near.as_posix(), number))
        connection.execute("COMMIT")


def _moved(place: str | None, database: Path) -> Path | None:
    """The folder beside the database that an address should lead to, where it leads elsewhere."""
    recorded = local_path(place) if place else None
    near = _beside(recorded, database) if recorded else None
    return near if near and recorded and near.resolve() != recorded.resolve() else None


def _moved_run(place: str | None, database: Path) -> Path | None:
    near = _moved(place, database)
    recorded = local_path(place) if place else None
    return near if near and (near.is_dir() or not (recorded and recorded.is_dir())) else None


def _beside(recorded: Path, database: Path) -> Path | None:
    """The same folder beside the database; None where it is not of the layout that MLflow gives by itself."""
    root, mark, rest = recorded.as_posix().rpartition(f"/{_FOLDER}/")
    if not mark or not root or not rest.partition("/")[0].isdecimal():
        return None
    return database.parent / _FOLDER / rest
