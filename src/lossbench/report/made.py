"""Which files of a folder a report made: a manifest says it, and nothing else is ever changed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from lossbench.errors import InputError

MANIFEST = "made_by_lossbench.json"
PAGES = ("README.md", "report.html", "results.csv", "verdicts.json")

_IMAGE = re.compile(r"!\[[^]]*\]\((?P<name>[^/()\s]+\.png)\)")
_COMMAND = "python -m lossbench.report"
_CALIBRATION = re.compile(r"python -m lossbench\.(report\.)?calibration\n")


def made(folder: Path) -> set[str]:
    """Names of the files of a folder that a report made.

    Where there is no manifest, because the folder is older than manifests, it is told by a README.md that
    names the command of a report beside the verdicts that such a report writes: then its figures are those
    that the README.md shows. That of the calibration names its own, beside its tables.
    """
    text = _text(folder / MANIFEST)
    if text is not None:
        listed = _parsed(text)
        names = listed.get("files") if isinstance(listed, dict) else None
        return {name for name in names if _is_plain(name)} if isinstance(names, list) else set()
    readme = _text(folder / "README.md")
    if readme and _CALIBRATION.search(readme) and (folder / "results.csv").is_file():
        return {"README.md", "results.csv", "real_runs.csv"}
    if not (readme is None or _COMMAND in readme) or not _are_verdicts(
        _parsed(_text(folder / "verdicts.json") or "")
    ):
        return set()
    return {*PAGES, *(found["name"] for found in _IMAGE.finditer(readme or ""))}


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


def manifest(names: Collection[str]) -> str:
    """The content of a manifest."""
    return json.dumps({"made by": _COMMAND, "files": sorted(names)}, indent=2) + "\n"


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8") if file.is_file() else None
    except ValueError:  # no text, so not ours
        return ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and Path(name).name == name


def _are_verdicts(found: Any) -> bool:
    """Whether this is what verdicts.json of a report holds; a report without claims writes an empty list."""
    return isinstance(found, list) and all(isinstance(one, dict) and "verdict" in one for one in found)
