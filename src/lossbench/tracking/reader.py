"""The fastest way to read records from an address."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from lossbench.errors import InputError
from lossbench.tracking.address import Address
from lossbench.tracking.creation import is_ready
from lossbench.tracking.database_records import DatabaseRecords
from lossbench.tracking.records import Record, Records
from lossbench.tracking.server_records import ServerRecords


@contextmanager
def reading(address: Address) -> Iterator[Records]:
    """Records of an address, for one piece of work; refused where there is nothing, or not to be read."""
    if address.path:
        _check_there(address.path)
    records = ServerRecords(address) if address.kind == "http" else DatabaseRecords(address)
    try:
        yield records
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("sqlalchemy", "mlflow", "requests"):
            raise
        raise _unread(address.spoken, error) from error
    finally:
        records.close()


def _check_there(path: Path) -> None:
    """Refuse a file that a sweep would refuse as well; one that is empty is as good as none."""
    try:
        ready = is_ready(path)
    except sqlite3.OperationalError as error:
        raise _unread(str(path), error) from error
    if not ready:
        fault = f"{path} is empty" if path.exists() else f"There is no tracking database {path}"
        raise InputError(f"{fault}; run a sweep first, or name another with tracking.uri.")


def _unread(place: str, error: Exception) -> InputError:
    why = (str(error).strip().splitlines() or ["no answer"])[0][:200]
    return InputError(f"{place} cannot be read ({why}); try again, or name another with tracking.uri.")


def load(
    address: Address, experiment: str | None, keys: Collection[str] | None = None, *, briefly: bool = False
) -> list[Record]:
    """Records of lossbench, for a caller that needs nothing else; see `Records.runs`."""
    with reading(address) as records:
        return records.runs(experiment, keys, briefly=briefly)
