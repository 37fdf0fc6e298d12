"""The fastest way to read records from an address."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from lossbench.errors import InputError
from lossbench.tracking.address import Address
from lossbench.tracking.database_records import DatabaseRecords
from lossbench.tracking.records import Record, Records
from lossbench.tracking.server_records import ServerRecords


@contextmanager
def reading(address: Address) -> Iterator[Records]:
    """Records of an address, for one piece of work.

    Raises:
        InputError: there is nothing, or it cannot be read now.
    """
    if address.path and not address.path.exists():
        raise InputError(
            f"There is no tracking database {address.path}; "
            "run a sweep first, or name another with tracking.uri."
        )
    records = ServerRecords(address) if address.kind == "http" else DatabaseRecords(address)
    try:
        yield records
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("sqlalchemy", "mlflow", "requests"):
            raise
        why = (str(error).strip().splitlines() or ["no answer"])[0][:200]
        raise InputError(
            f"{address.spoken} cannot be read ({why}); try again, or name another with tracking.uri."
        ) from error
    finally:
        records.close()


def load(address: Address, experiment: str | None, keys: Collection[str] | None = None) -> list[Record]:
    """Records of lossbench, for a caller that needs nothing else."""
    with reading(address) as records:
        return records.runs(experiment, keys)
