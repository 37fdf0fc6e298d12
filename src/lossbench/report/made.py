"""Which files of a folder a report made: a manifest says it, and nothing else is ever changed."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lossbench.errors import InputError

MANIFEST = "made_by_lossbench.json"
PAGES = ("README.md", "report.html", "results.csv", "verdicts.json")


def made(folder: Path) -> set[str]:
    """Names of the files of a folder that a report made, as its manifest says; none where it has none."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # none there, or none of ours
        return set()
    names = listed.get("files") if isinstance(listed, dict) else None
    if not isinstance(names, list):
        return set()
    return {name for name in names if isinstance(name, str) and Path(name).name == name}


def check(folder: Path, names: Collection[str] = PAGES) -> None:
    """Refuse a folder in which writing files of these names would replace those of somebody else.

    Raises:
        InputError: naming such files; or the folder is none, and cannot be made.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise InputError(f"{there} is a file, and files go into a folder; name one with report.out=FOLDER.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{there} cannot be written into; name another folder with report.out=FOLDER.")
    if not folder.is_dir():
        return
    own = made(folder)
    others = sorted(name for name in {*names} - own - {MANIFEST} if (folder / name).exists())
    if others:
        raise InputError(
            f"{folder} holds {', '.join(others)}, which no report made; "
            "name another folder with report.out=FOLDER, or move what it holds away."
        )


def manifest(names: Collection[str], told: Mapping[str, Any] | None = None) -> str:
    """The content of a manifest.

    told: of the report, for the page on all experiments.
    """
    content = {"made by": "python -m lossbench.report", "files": sorted(names)}
    return json.dumps({**content, **({"report": told} if told else {})}, indent=2) + "\n"
