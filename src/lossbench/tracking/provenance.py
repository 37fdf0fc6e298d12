"""Where a run comes from: its config as params, the code's commit, the versions of what computed it."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from lossbench import __version__

UNKNOWN = "unknown"

_DISTRIBUTIONS = ("torch", "pytorch-lightning", "mlflow", "scikit-learn", "numpy")
_GIT_SECONDS = 2.0


def tags() -> dict[str, str]:
    """The code and the versions that compute, as a run's record tells them."""
    name, dirty = commit()
    return {"lossbench.commit": name, "lossbench.dirty": dirty, "lossbench.versions": versions()}


@lru_cache(maxsize=1)
def commit() -> tuple[str, str]:
    """The commit of lossbench's checkout, or of the current folder where it is installed; "true" where dirty.

    Changes to tracked files make it so, and a Python file that git does not know: a loss of one's own.
    Both are "unknown" without git or a repository, or when git takes longer than two seconds.
    """
    package = Path(__file__).parent.parent
    folder = package if _git(package, "ls-files", "--error-unmatch", "errors.py") else Path.cwd()
    name = _git(folder, "rev-parse", "HEAD")
    if not name:
        return UNKNOWN, UNKNOWN
    status = _git(folder, "status", "--porcelain", "--untracked-files=all")
    if status is None:
        return name.strip(), UNKNOWN
    changes = [line for line in status.splitlines() if line[:2] != "??" or line.rstrip('"').endswith(".py")]
    return name.strip(), "true" if changes else "false"


def _git(folder: Path, *command: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *command],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


@lru_cache(maxsize=1)
def versions() -> str:
    """Versions of Python and of the packages that compute, as JSON; nothing is imported for it."""
    found = {"python": platform.python_version(), "lossbench": __version__}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = UNKNOWN
    return json.dumps(found)


def flatten(knobs: Mapping[str, Any]) -> dict[str, str]:
    """What a run is as MLflow params: `loss.delta` -> "1.0".

    Lists become JSON; null, true and false are spelt as in YAML.
    Of an object that is made of a node in a node, its class and its arguments by position are named, too.
    """
    return dict(_flat("", knobs))


_OBJECT = ("_target_", "_args_")


def _flat(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        named = ((str(n), inner) for n, inner in value.items() if not str(n).startswith("_") or n in _OBJECT)
        items = ((f"{prefix}.{name}" if prefix else name, inner) for name, inner in named)
        return [pair for name, inner in items for pair in _flat(name, inner)]
    return [(prefix, value if isinstance(value, str) else json.dumps(value, default=list))]
