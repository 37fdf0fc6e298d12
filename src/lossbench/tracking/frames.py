"""Runs as tables: what the report reads, and nothing else does it read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.tracking import runs
from lossbench.tracking.address import Address, parse
from lossbench.tracking.places import artifact_folder
from lossbench.tracking.quiet import settle_environment
from lossbench.tracking.reader import reading
from lossbench.tracking.records import Record, current_name, latest

if TYPE_CHECKING:
    import pandas as pd

_OWN_COLUMNS = (runs.OUTCOME, runs.REASON, runs.KEY, runs.KIND)
_NOT_COLUMNS = (*_OWN_COLUMNS, runs.CONFIG, runs.TRACEBACK, runs.SUPERSEDED)


def read_runs(uri: str, experiment: str, kinds: Sequence[str] = ("member",)) -> pd.DataFrame:
    """One row for each run of an experiment that ended: results and failures.

    A key has one row: its latest result, or its latest failure where it has no result. Records that a later
    run superseded are left out, and so are runs in training.

    Columns: run_id, name, kind, key, status, outcome, reason, started (UTC), seconds; each param by its
    name (`loss.delta`), numeric where every value is a number, missing where a run has none; each metric by
    its name (`test/mae`), its last value; further tags by their name (`lossbench.fingerprint`).
    """
    import pandas as pd

    with reading(parse(uri)) as records:
        chosen = _ended(records.runs(experiment, kinds=kinds))
        ids = [record.run_id for record in chosen]
        params, metrics = records.params(ids), records.metrics(ids)
    own = pd.DataFrame([_row(record) for record in chosen], columns=_COLUMNS)
    own["started"] = pd.to_datetime(own["started"], unit="ms", utc=True)
    tags = [_tags(record) for record in chosen]
    parts = [
        own,
        _with_numbers(_frame(params[run_id] for run_id in ids)),
        _frame(metrics[run_id] for run_id in ids).astype(float),
        _frame(tags),
    ]
    return pd.concat(parts, axis="columns")


def read_histories(uri: str, run_ids: Sequence[str], metric: str) -> pd.DataFrame:
    """The curve of one metric for each run: columns run_id, step, value, sorted by run as given and step."""
    import pandas as pd

    with reading(parse(uri)) as records:
        points = records.history(list(run_ids), metric)
    frame = pd.DataFrame(points, columns=["run_id", "step", "value"])
    return frame.astype({"step": int, "value": float})


def read_artifact(uri: str, run_id: str, name: str) -> bytes | None:
    """The content of one artifact of a run; None where it has none of that name."""
    address = parse(uri)
    with reading(address) as records:
        record = records.run(run_id)
    if record is None:
        return None
    folder = artifact_folder(address, record.artifacts)
    if folder is None:
        return _download(address, run_id, name)
    return (folder / name).read_bytes() if (folder / name).is_file() else None


def artifact_files(uri: str, run_ids: Sequence[str], name: str) -> dict[str, Path]:
    """Where an artifact of each run should lie; without runs whose artifacts are kept elsewhere."""
    address = parse(uri)
    with reading(address) as records:
        found = [record for run_id in run_ids if (record := records.run(run_id))]
    folders = {record.run_id: artifact_folder(address, record.artifacts) for record in found}
    return {run_id: folder / name for run_id, folder in folders.items() if folder}


def _download(address: Address, run_id: str, name: str) -> bytes | None:
    settle_environment()
    from mlflow.artifacts import download_artifacts, list_artifacts

    if all(found.path != name for found in list_artifacts(run_id=run_id, tracking_uri=address.uri)):
        return None
    with tempfile.TemporaryDirectory(prefix="lossbench-") as folder:
        path = download_artifacts(
            run_id=run_id, artifact_path=name, dst_path=folder, tracking_uri=address.uri
        )
        return Path(path).read_bytes()


def _ended(found: Iterable[Record]) -> list[Record]:
    """Those that have ended, one for each key, in the order in which they started."""
    ended = [
        record for record in found if record.ended is not None and record.tags.get(runs.SUPERSEDED) != "true"
    ]
    chosen = latest(ended) | latest(record for record in ended if record.counts)
    return sorted(chosen.values(), key=lambda record: (record.started, record.name, record.run_id))


_COLUMNS = ["run_id", "name", "kind", "key", "status", "outcome", "reason", "started", "seconds"]


def _row(record: Record) -> list[Any]:
    tags = record.tags
    seconds = ((record.ended or record.started) - record.started) / 1000
    told = (tags.get(runs.KIND), tags.get(runs.KEY), record.status, tags.get(runs.OUTCOME))
    return [record.run_id, record.name, *told, tags.get(runs.REASON), record.started, seconds]


def _tags(record: Record) -> dict[str, str]:
    tags = {name: value for name, value in record.tags.items() if name not in _NOT_COLUMNS}
    if told := tags.get(runs.NOT_FINITE):  # "test/mae is inf; ..."
        tags[runs.NOT_FINITE] = "; ".join(map(current_name, told.split("; ")))
    return tags


def _frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Columns in the order in which they first appear."""
    import pandas as pd

    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pd.DataFrame({name: [row.get(name) for row in rows] for name in names}, index=range(len(rows)))


def _with_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Text columns as numbers, where each value that is there is one."""
    import pandas as pd

    for name in frame.columns:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        if frame[name].notna().any() and bool((numbers.notna() | frame[name].isna()).all()):
            frame[name] = numbers
    return frame
