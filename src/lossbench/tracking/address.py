"""Where runs are recorded: a tracking address, understood and tried before anything trains."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from lossbench.errors import InputError

DEFAULT_URI = "sqlite:///mlflow.db"
ANSWER_SECONDS = 2.5
_MOST_SHOWN = 200  # characters of an address in a sentence

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433, "http": 80, "https": 443}
_FITTING = "sqlite:///mlflow.db, http://HOST:5000 or postgresql://USER@HOST/DATABASE would be right"


@dataclass(frozen=True)
class Address:
    """A tracking address. `path` is the file of a sqlite database; `uri` holds it in full."""

    uri: str
    kind: Literal["sqlite", "sql", "http"]
    path: Path | None = None

    @property
    def spoken(self) -> str:
        """The address as a sentence may show it: without a password."""
        if self.path is not None:
            return str(self.path)
        parts = urlsplit(self.uri)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def resolve_uri(configured: str | None) -> str:
    """`tracking.uri`, else MLFLOW_TRACKING_URI, else a database in the current folder."""
    return configured or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def _named(uri: str) -> str:
    """An address with what has set it, as a person can change it."""
    by_environment = uri == os.environ.get("MLFLOW_TRACKING_URI")
    return f"{'MLFLOW_TRACKING_URI' if by_environment else 'tracking.uri'}={uri[:_MOST_SHOWN]}"


def parse(uri: str) -> Address:
    """Understand a tracking address; relative paths are those of the current folder.

    Raises:
        InputError: MLflow has no store of that kind, or one that lossbench cannot use.
    """
    scheme = uri.partition(":")[0].partition("+")[0].lower() if "://" in uri else ""
    if scheme == "sqlite":
        location, _, query = uri.partition("://")[2].partition("?")
        name = location.removeprefix("/")  # SQLAlchemy reads it as it stands, without unquoting
        if not location.startswith("/") or name in ("", ":memory:"):
            raise InputError(f"{_named(uri)} names no file; {_FITTING}.")
        path = Path(name).absolute()
        _check_file(uri, path, query)
        return Address(f"sqlite:///{path}", "sqlite", path)
    if scheme not in _PORTS:
        raise InputError(f"{_named(uri)} is no database or server address; {_FITTING}.")
    try:
        named = bool(urlsplit(uri).hostname) and (urlsplit(uri).port or 1) > 0
    except ValueError:
        named = False
    if not named:
        raise InputError(f"{_named(uri)} names no host, or no valid port; {_FITTING}.")
    return Address(uri.rstrip("/"), "http" if scheme.startswith("http") else "sql")


def _check_file(uri: str, path: Path, query: str) -> None:
    """Refuse what can be no database, whoever is about to read or write it."""
    if query:  # such as mode=ro, which only some of those who open the file would heed
        raise InputError(
            f"{_named(uri)} has options behind a question mark, which are not taken; leave them out."
        )
    try:
        if "\0" in uri:
            raise ValueError("it holds a NUL")
        is_folder = path.is_dir()
        # With what sqlite puts behind the name: a longer one could be asked for, and not be written.
        Path(f"{path}-journal").exists()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{_named(uri)} cannot name a file ({why}); name another.") from None
    if is_folder:
        raise InputError(
            f"{_named(uri)} names a folder; name a file in it, as in sqlite:///{path / 'mlflow.db'}."
        )


def local_path(place: str) -> Path | None:
    """The folder of an artifact address; None where it is not on this machine."""
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(place) if not parts.scheme else None


def check_reachable(address: Address) -> None:
    """Refuse a server that does not answer as MLflow's in a few seconds. A sqlite file is not looked at."""
    if address.kind == "sqlite":
        return
    if address.kind == "sql":
        _check_driver(address)
    problems: list[str] = []
    # A thread, because looking up a host name has no time limit of its own.
    asking = threading.Thread(target=lambda: problems.append(_problem(address)), daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS + 0.3)
    problem = problems[0] if problems else "it does not answer"
    if problem:
        raise InputError(
            f"The tracking server {address.spoken} cannot be used: {problem}; "
            "start it, or name another address with tracking.uri (sqlite:///mlflow.db needs no server)."
        )


def _check_driver(address: Address) -> None:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        make_url(address.uri).get_dialect().import_dbapi()
    except (ModuleNotFoundError, NoSuchModuleError, ArgumentError) as error:
        raise InputError(
            f"The database {address.spoken} needs a Python package that is not there ({error}); "
            "install it, or name another address with tracking.uri."
        ) from None


def _problem(address: Address) -> str:
    """Why the server cannot be used, in a few words; empty where it can."""
    try:
        if address.kind == "sql":
            parts = urlsplit(address.uri)
            port = parts.port or _PORTS[parts.scheme.partition("+")[0]]
            socket.create_connection((parts.hostname or "", port), timeout=ANSWER_SECONDS).close()
            return ""
        from urllib.request import urlopen

        with urlopen(f"{address.uri}/health", timeout=ANSWER_SECONDS) as answer:
            said = answer.read(64).strip()
        return "" if said == b"OK" else "what answers there is not an MLflow server"
    except HTTPError as error:
        # A server that wants to know who asks gets the credentials from MLflow's own client.
        return "" if error.code == 401 else f"it answers {error.code} {error.reason} to /health"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", None) or error).partition("] ")[2] or str(error)
