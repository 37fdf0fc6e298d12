"""MLflow as lossbench uses it: silent, offline, and imported late (it takes 1 to 2 s)."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from lossbench.errors import InputError
from lossbench.tracking.address import parse

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Read by MLflow when it is imported or used; child processes inherit them. What a user has set stays.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # no usage data leaves the machine
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # lossbench has its own retries; MLflow's take minutes before they give up on a server.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def settle_environment() -> None:
    """Set what keeps MLflow silent and offline; to be called before anything imports it."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # It logs every failed statement with a traceback before it raises; the caller decides what to say.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def client(uri: str) -> MlflowClient:
    """A client that touches no global state of MLflow; refused for a database of another version."""
    settle_environment()
    from mlflow import MlflowClient

    try:
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    except Exception as error:
        if "out-of-date database schema" not in str(error):
            raise
        raise InputError(
            f"{parse(uri).spoken} was made by another version of MLflow; "
            f"run 'mlflow db upgrade {uri}', or name another with tracking.uri."
        ) from None
