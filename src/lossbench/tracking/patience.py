"""Trying again what may work later, and telling it from what never will."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 5.0

# Trying again is of no use then. All else may pass: a lock, a full disk, a lost server.
_FINAL = {
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "RESOURCE_DOES_NOT_EXIST",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "ENDPOINT_NOT_FOUND",
}


def may_pass(error: Exception) -> bool:
    """Whether the same call may succeed later."""
    if library(error) == "mlflow":
        return getattr(error, "error_code", None) not in _FINAL
    # requests' exceptions are OSErrors; sqlalchemy's all come from the database here.
    return isinstance(error, (OSError, sqlite3.OperationalError)) or library(error) == "sqlalchemy"


def library(error: Exception) -> str:
    """The package that an error comes from, told without importing what may not be in use."""
    return type(error).__module__.partition(".")[0]


def persist(action: Callable[[int], _T], until: Callable[[], float]) -> _T:
    """Call `action(attempt)` again, after growing pauses, while what it raises may pass.

    Args:
        until: the monotonic time after which no further attempt starts; asked before each, so that it can
            be brought forward meanwhile.
    """
    pause, attempt = _FIRST_PAUSE_SECONDS, 0
    while True:
        try:
            return action(attempt)
        except Exception as error:
            left = until() - time.monotonic()
            if left <= 0 or not may_pass(error):
                raise
        # Processes that met at one lock must not meet there again.
        time.sleep(min(left, pause * random.uniform(0.5, 1.0)))
        pause, attempt = min(2 * pause, _LONGEST_PAUSE_SECONDS), attempt + 1
