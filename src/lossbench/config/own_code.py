"""Of which files of the user's own a run is made: those that are neither lossbench's nor installed.

A changed file makes another run, as changed data does. What a file imports is read off its text, within
functions too: nothing is imported for it, and what was imported before makes no difference. Modules that are
imported by a name which the program makes are not seen.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

_STANDARD = Path(os.__file__).parent
_INSTALLED = {"site-packages", "dist-packages"}
_MOST = 80  # files that a tag has room for
_LENGTH = 16  # of a digest


Read = Callable[[Path, str], tuple[str, list[str]]]


def read(file: Path, package: str) -> tuple[str, list[str]]:
    """The digest of a file of a package, and the dotted paths that it imports."""
    content = file.read_bytes()
    return hashlib.sha256(content).hexdigest()[:_LENGTH], _imported(content, package)


def digests(paths: Iterable[str], reading: Read = read) -> dict[str, str]:
    """sha256 of each file of one's own behind dotted paths, `bounded.Bounded` or `my.metrics:tail`.

    Args:
        reading: `read`, which may remember what it has read.

    Returns:
        by `bounded.py`, `my/metrics.py`, wherever they lie; of very many files one digest, by `code`.
    """
    found: dict[str, str] = {}
    waiting = list(paths)
    while waiting:
        for name, file in _along(waiting.pop()):
            package = file.stem == "__init__"
            label = "/".join([*name.split(".")[: None if package else -1], file.name])
            if label not in found:
                found[label], imported = reading(file, name if package else name.rpartition(".")[0])
                waiting += imported
    if len(found) > _MOST:
        return {"code": hashlib.sha256(as_text(found).encode()).hexdigest()[:_LENGTH]}
    return found


def targets(node: Any) -> list[str]:
    """What a node of the config, and all nodes in it, name as their `_target_`."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [str(node["_target_"])] if isinstance(node, dict) and "_target_" in node else []
    return [*own, *(path for value in inner for path in targets(value))]


def _along(path: str) -> Iterator[tuple[str, Path]]:
    """The modules of one's own that a dotted path goes through, each with its file."""
    name, *parts = path.replace(":", ".").split(".")
    module = sys.modules.get(name)
    file, folders = getattr(module, "__file__", None), getattr(module, "__path__", None)
    if module is None:
        with suppress(ImportError, ValueError):
            if spec := importlib.util.find_spec(name):
                file, folders = spec.origin, spec.submodule_search_locations
    while name != "lossbench" and (file is None or _is_own(Path(file))):
        if file is not None:
            yield name, Path(file)
        spec = PathFinder.find_spec(f"{name}.{parts[0]}", list(folders)) if parts and folders else None
        if spec is None:
            return
        name, file, folders = spec.name, spec.origin, spec.submodule_search_locations
        del parts[0]


def _is_own(file: Path) -> bool:
    return file.is_file() and not file.is_relative_to(_STANDARD) and _INSTALLED.isdisjoint(file.parts)


def _imported(content: bytes, package: str) -> list[str]:
    """The dotted paths that a file of a package imports."""
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError):  # it is compiled
        return []
    found = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # beyond the top
                home = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                found += [f"{home}.{alias.name}" for alias in node.names]
    return found


def as_text(code: Mapping[str, str]) -> str:
    """Digests as a run carries them."""
    return json.dumps(code, sort_keys=True)


def of_text(text: object) -> dict[str, str]:
    """Of `as_text`; nothing of what a run of shipped parts carries, or what somebody wrote there."""
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def changed(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The files that both have, but not alike."""
    return sorted(name for name in one.keys() & other.keys() if one[name] != other[name])
