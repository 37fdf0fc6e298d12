"""Runs into MLflow and back: one record per member, written in batches, never lost, never counted twice."""

from lossbench.tracking.address import resolve_uri
from lossbench.tracking.conversion import opening
from lossbench.tracking.frames import read_artifact, read_histories, read_runs
from lossbench.tracking.journal import Opening
from lossbench.tracking.recorder import NotRecorded
from lossbench.tracking.runs import Outcome, RunResult
from lossbench.tracking.store import Store

__all__ = [
    "NotRecorded",
    "Opening",
    "Outcome",
    "RunResult",
    "Store",
    "opening",
    "read_artifact",
    "read_histories",
    "read_runs",
    "resolve_uri",
]
