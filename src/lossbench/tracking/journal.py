"""Results on disk until MLflow has them: one file of JSON lines for each batch, in `lossbench-unrecorded/`.

A batch is written here before it is recorded and deleted after, so that whatever ends the process, or keeps
the database from taking it, loses nothing: the next start records what an ended process has left.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossbench.data.archive import cache_folder
from lossbench.engines.process import Process, this_process
from lossbench.tracking.address import Address
from lossbench.tracking.runs import RunResult

FOLDER = "lossbench-unrecorded"
_FOREIGN_SECONDS = 3600.0  # a batch lies here for minutes, unless its process died
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opening:
    """What `Store.start` knows of a run, in plain values. `data_set` has the fields of MLflow's Dataset."""

    experiment: str
    name: str
    params: dict[str, str]
    tags: dict[str, str]
    started: int  # milliseconds since the epoch
    data_set: dict[str, str] | None


@dataclass(frozen=True)
class Entry:
    """A run that ended. `created` is False while MLflow has no record of it: its run id is provisional."""

    opening: Opening
    result: RunResult
    ended: int  # milliseconds since the epoch
    created: bool

    def to_json(self) -> str:
        """One line."""
        # Not `dataclasses.asdict`, which copies every number of every curve first.
        artifacts = {k: base64.b64encode(v).decode() for k, v in self.result.artifacts.items()}
        result = {**vars(self.result), "artifacts": artifacts}
        return json.dumps({**vars(self), "opening": vars(self.opening), "result": result})

    @staticmethod
    def from_json(line: str) -> Entry:
        """The entry of one line."""
        fields: dict[str, Any] = json.loads(line)
        result = fields["result"]
        result["artifacts"] = {k: base64.b64decode(v) for k, v in result["artifacts"].items()}
        result["history"] = {k: [(step, value) for step, value in v] for k, v in result["history"].items()}
        if any(Path(name).name != name for name in result["artifacts"]):
            raise ValueError("an artifact has a path for a name")
        return Entry(Opening(**fields["opening"]), RunResult(**result), fields["ended"], fields["created"])


class Journal:
    """The batches of one tracking address."""

    def __init__(self, address: Address) -> None:
        self._uri = address.uri
        beside = address.path.parent if address.path else Path.cwd()
        # The second place is for a full or vanished disk under the first.
        self.folders = (beside / FOLDER, cache_folder() / FOLDER)
        self._numbers = itertools.count(1)

    def write(self, entries: Sequence[Entry]) -> Path | None:
        """Keep a batch; None where no disk takes it."""
        for folder in self.folders:
            path = self._new_path(folder)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                _write(path, {"uri": self._uri}, entries)
                return path
            except OSError as error:
                _log.debug("%s does not take results: %s", folder, error)
        return None

    def refuse(self, entries: Sequence[Entry]) -> None:
        """Keep entries that MLflow will never take, where nothing tries them again."""
        path = self.write(entries)
        if path:
            path.rename(path.with_suffix(".refused"))

    def release(self, path: Path) -> None:
        """Leave a batch to whoever starts next, though this process lives on."""
        path.rename(path.with_name(f"left,{path.name.rpartition(',')[2]}"))

    def remove(self, path: Path) -> None:
        """Forget a recorded batch, and the folder with the last of them."""
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are still in it
            path.parent.rmdir()

    def orphans(self) -> Iterator[tuple[Path, list[Entry]]]:
        """Batches of this address that ended processes have left, each claimed for this process.

        The claim is a rename, so that of several processes that start at once exactly one gets it.
        """
        for folder in self.folders:
            for path in _listed(folder, "*.partial"):
                with contextlib.suppress(OSError):
                    if not _owner_lives(path):
                        self.remove(path)
            for path in _listed(folder, "*.jsonl"):
                batch = self._claim(path)
                if batch:
                    yield batch

    def _claim(self, path: Path) -> tuple[Path, list[Entry]] | None:
        try:
            if not self._is_orphan(path):
                return None
            path = path.rename(self._new_path(path.parent))
            with path.open(encoding="utf-8") as file:
                file.readline()  # the header
                return path, [Entry.from_json(line) for line in file]
        except FileNotFoundError:
            return None  # another process was faster
        except (OSError, ValueError, KeyError, TypeError) as error:
            aside = path.with_suffix(".refused")
            with contextlib.suppress(OSError):
                path.rename(aside)
            _log.warning("%s holds no readable results (%s); it is left as it is.", aside, error)
            return None

    def _is_orphan(self, path: Path) -> bool:
        with path.open(encoding="utf-8") as file:
            header = json.loads(file.readline())
        return header["uri"] == self._uri and not _owner_lives(path)

    def _new_path(self, folder: Path) -> Path:
        number = f"{time.time_ns() // 1_000_000}-{next(self._numbers)}"
        return folder / f"{str(this_process()).replace(':', ',')},{number}.jsonl"


def _owner_lives(path: Path) -> bool:
    """Whether the process that wrote or claimed a file, as its name says, may still record it."""
    owner = Process.parse(":".join(path.stem.split(",")[:-1]))
    return owner is not None and owner.lives(path.stat().st_mtime, _FOREIGN_SECONDS)


def _write(path: Path, header: dict[str, str], entries: Iterable[Entry]) -> None:
    # Under another name until it is whole: what ends in .jsonl is never half a batch.
    partial = path.with_suffix(".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(json.dumps(header) + "\n")
            file.writelines(entry.to_json() + "\n" for entry in entries)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _listed(folder: Path, pattern: str) -> list[Path]:
    """Files in a folder, which the process that empties it removes: it may go while it is read."""
    try:
        return sorted(folder.glob(pattern))
    except FileNotFoundError:
        return []
