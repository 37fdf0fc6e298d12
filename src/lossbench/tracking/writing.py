"""Which writer an address gets."""

from __future__ import annotations

from lossbench.tracking.address import Address
from lossbench.tracking.bulk_writer import BulkWriter
from lossbench.tracking.client_writer import ClientWriter
from lossbench.tracking.writer import Writer


def writer(address: Address) -> Writer:
    """The writer for an address that was prepared."""
    return BulkWriter(address) if BulkWriter.knows(address) else ClientWriter(address)
