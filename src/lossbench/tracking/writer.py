"""One run written into MLflow through its public client, in as few calls as it has.

What a call costs on sqlite is not the data but the transactions: everything known at the end of a run goes
into one `log_batch`, its params too. A record of a run in training therefore has tags and its data set only.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError
from lossbench.tracking import runs
from lossbench.tracking.address import Address
from lossbench.tracking.journal import Entry, Opening
from lossbench.tracking.quiet import client

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric

    from lossbench.data.source import Description

# MLflow's limits, for a call and for a value.
_PARAMS, _TAGS, _METRICS = 100, 100, 800
PARAM_LENGTH, TAG_LENGTH = 6000, 5000
_DIGEST_LENGTH = 36


class Writer:
    """Calls that write. Each may raise whatever MLflow raises; each but `create` may be repeated."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._experiments: dict[str, str] = {}
        self._making = threading.Lock()

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client, made at the first need."""
        if self.address.kind == "sqlite":
            _write_without_waiting_for_the_disk()
        try:
            return client(self.address.uri)
        except ModuleNotFoundError as error:
            raise InputError(
                f"{self.address.spoken} needs the Python package {error.name}; install it."
            ) from None
        except Exception as error:
            if "out-of-date database schema" in str(error):
                raise InputError(
                    f"{self.address.spoken} was made by another version of MLflow; "
                    f"run 'mlflow db upgrade {self.address.uri}', or name another with tracking.uri."
                ) from None
            raise

    def experiment(self, name: str) -> str:
        """The id of an experiment, made when missing.

        Raises:
            InputError: an experiment of that name was deleted, so MLflow refuses new runs in it.
        """
        with self._making:
            if name not in self._experiments:
                self._experiments[name] = self._find_or_make(name)
            return self._experiments[name]

    def _find_or_make(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self.client.create_experiment(name))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = self.client.get_experiment_by_name(name)  # another process was faster
        if found is None or found.lifecycle_stage == "deleted":
            number = found.experiment_id if found else "ID"
            raise InputError(
                f"The experiment {name!r} was deleted in MLflow; restore it with "
                f"'mlflow experiments restore -x {number}', or choose another experiment.name."
            )
        return str(found.experiment_id)

    def create(self, opening: Opening) -> str:
        """A new record in state RUNNING, with its tags and data set; its id."""
        run = self.client.create_run(
            self.experiment(opening.experiment), opening.started, opening.tags, opening.name
        )
        self.add_data_set(run.info.run_id, opening)
        return str(run.info.run_id)

    def find_running(self, opening: Opening) -> str | None:
        """The id of the record that an earlier, interrupted `create` of this opening has left."""
        found = self.client.search_runs(
            [self.experiment(opening.experiment)],
            f"tags.`{runs.KEY}` = '{opening.tags[runs.KEY]}' and attributes.status = 'RUNNING'",
        )
        mine = [run for run in found if run.data.tags.get(runs.PROCESS) == opening.tags[runs.PROCESS]]
        return str(mine[0].info.run_id) if mine else None

    def add_data_set(self, run_id: str, opening: Opening) -> None:
        """Record the data set as an input of the run."""
        if opening.data_set:
            self.client.log_inputs(run_id, [_data_set(opening.data_set)])

    def record(self, run_id: str, entry: Entry) -> None:
        """Write the result of a run, and end it. May be repeated: equal entries are written once."""
        from mlflow.entities import Param, RunTag

        result = entry.result
        for name, content in result.artifacts.items():
            self._add_artifact(run_id, name, content)
        metrics, left_out = _metrics(result, entry.ended)
        tags = [RunTag(k, v) for k, v in result_tags(result, left_out).items()]
        params = [Param(k, v) for k, v in entry.opening.params.items()]
        calls = zip_longest_chunks((metrics, _METRICS), (params, _PARAMS), (tags, _TAGS))
        for some_metrics, some_params, some_tags in calls:
            self.client.log_batch(run_id, some_metrics, some_params, some_tags)
        self.client.set_terminated(run_id, runs.STATUS[result.outcome], entry.ended)

    def _add_artifact(self, run_id: str, name: str, content: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="lossbench-") as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            self.client.log_artifact(run_id, str(path))

    def mark(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a record."""
        from mlflow.entities import RunTag

        self.client.log_batch(run_id, tags=[RunTag(k, v) for k, v in tags.items()])

    def bury(self, run_id: str) -> None:
        """End a record whose process died."""
        self.mark(run_id, {runs.OUTCOME: "killed", runs.REASON: "its process ended before the run did"})
        self.client.set_terminated(run_id, "KILLED")


def result_tags(result: runs.RunResult, left_out: Sequence[str] = ()) -> dict[str, str]:
    """The tags that say how a run ended."""
    tags = {runs.OUTCOME: result.outcome}
    if result.reason:
        tags[runs.REASON] = result.reason[:TAG_LENGTH]
    if result.traceback:
        tail = result.traceback[-TAG_LENGTH:]
        tags[runs.TRACEBACK] = tail
        tags[runs.NOTE] = f"**{result.outcome}**: {(result.reason or '')[:500]}\n\n```\n{tail[-4000:]}\n```"
    elif result.reason:
        tags[runs.NOTE] = f"**{result.outcome}**: {result.reason[: TAG_LENGTH - 100]}"
    if left_out:
        tags[runs.NOT_FINITE] = "; ".join(left_out)[:TAG_LENGTH]
    return tags


def finite_part(result: runs.RunResult) -> tuple[dict[str, list[tuple[int, float]]], list[str]]:
    """Curves and metrics without what MLflow cannot hold, and words on what was left out.

    MLflow stores infinity as 1.8e308, which flattens every chart. A curve ends before its first value that
    is not finite; a metric is a curve of one point at step 0.
    """
    kept: dict[str, list[tuple[int, float]]] = {}
    left_out = []
    for name, curve in result.history.items():
        end = next((i for i, (_, value) in enumerate(curve) if not math.isfinite(value)), len(curve))
        kept[name] = curve[:end]
        if end < len(curve):
            left_out.append(f"{name} is {curve[end][1]} at step {curve[end][0]} and ends before it")
    for name, value in result.metrics.items():
        if math.isfinite(value):
            kept[name] = [(0, value)]
        else:
            left_out.append(f"{name} is {value}")
    return kept, left_out


def _metrics(result: runs.RunResult, ended: int) -> tuple[list[Metric], list[str]]:
    from mlflow.entities import Metric

    kept, left_out = finite_part(result)
    # One time for all, so that writing them again changes nothing.
    metrics = [
        Metric(name, float(value), ended, step) for name, curve in kept.items() for step, value in curve
    ]
    return metrics, left_out


def data_set_record(description: Description) -> dict[str, str]:
    """The fields of MLflow's Dataset: credits as source, kinds as schema, sizes as profile."""
    return {
        "name": description.name,
        "digest": description.fingerprint[:_DIGEST_LENGTH],
        "source_type": "lossbench",
        "source": json.dumps({"credits": description.source}),
        "schema": json.dumps(
            {
                "inputs": dataclasses.asdict(description.inputs),
                "targets": [dataclasses.asdict(target) for target in description.targets],
            }
        ),
        "profile": json.dumps({**description.sizes, "fingerprint": description.fingerprint}),
    }


def _data_set(record: Mapping[str, str]) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return DatasetInput(Dataset(**record), [InputTag("mlflow.data.context", "training, validation, test")])


def zip_longest_chunks(*lists: tuple[Sequence[Any], int]) -> Iterator[list[list[Any]]]:
    """Chunks of each list of at most its size, side by side; at least one round."""
    rounds = max(1, *(math.ceil(len(items) / size) for items, size in lists))
    for turn in range(rounds):
        yield [list(items[turn * size : (turn + 1) * size]) for items, size in lists]


def _write_without_waiting_for_the_disk() -> None:
    """With the write-ahead log, let sqlite sync at checkpoints only: a third of the time of a run.

    A killed process loses nothing by it; a power cut may lose the last transactions, never the database.
    """
    from sqlalchemy import Engine, event

    if not event.contains(Engine, "connect", _sync_at_checkpoints):
        event.listen(Engine, "connect", _sync_at_checkpoints)


def _sync_at_checkpoints(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode == "wal":
            connection.execute("PRAGMA synchronous=NORMAL")
