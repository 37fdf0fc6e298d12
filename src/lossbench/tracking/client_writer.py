"""One run written into MLflow through its public client, in as few calls as it has.

What a call costs on sqlite is not the data but the transactions: everything known at the end of a run goes
into one `log_batch`, its params too. A record of a run in training therefore has tags and its data set only.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.tracking import runs
from lossbench.tracking.address import Address
from lossbench.tracking.conversion import (
    DATA_SET_CONTEXT,
    deleted_experiment,
    finite_part,
    finite_points,
    result_tags,
)
from lossbench.tracking.journal import Entry, Opening
from lossbench.tracking.places import bring_along
from lossbench.tracking.quiet import client
from lossbench.tracking.writer import DIED, Writer

if TYPE_CHECKING:
    from mlflow import MlflowClient

_MOST = 50_000  # runs that MLflow gives at once


class ClientWriter(Writer):
    """Writes to whatever MLflow's client reaches."""

    at_once = 1

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._experiments: dict[str, str] = {}
        self._making = threading.Lock()
        self._shown: dict[str, set[tuple[str, int]]] = {}  # run id -> (curve, step) while it trained

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client, made at the first need."""
        return client(self.address.uri)

    def experiment(self, name: str) -> str:
        """The id of an experiment, made when missing; refused where one of that name was deleted."""
        with self._making:
            if name not in self._experiments:
                self._experiments[name] = self._find_or_make(name)
            return self._experiments[name]

    def _find_or_make(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                number = str(self.client.create_experiment(name))
                if self.address.path:  # MLflow puts the artifacts into the current folder
                    bring_along(self.address.path)
                return number
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = self.client.get_experiment_by_name(name)  # another process was faster
        if found is None or found.lifecycle_stage == "deleted":
            raise deleted_experiment(name, found.experiment_id if found else "ID")
        return str(found.experiment_id)

    def create(self, openings: Sequence[Opening], may_exist: bool) -> list[str]:
        return [self._create(opening, may_exist) for opening in openings]

    def _create(self, opening: Opening, may_exist: bool) -> str:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        run_id = self._find_running(opening) if may_exist else None
        if run_id is None:
            experiment = self.experiment(opening.experiment)
            run = self.client.create_run(experiment, opening.started, opening.tags, opening.name)
            run_id = str(run.info.run_id)
        if opening.data_set:
            data_set = DatasetInput(Dataset(**opening.data_set), [InputTag(*DATA_SET_CONTEXT)])
            self.client.log_inputs(run_id, [data_set])
        return run_id

    def _find_running(self, opening: Opening) -> str | None:
        found = self.client.search_runs(
            [self.experiment(opening.experiment)],
            f"tags.`{runs.KEY}` = '{opening.tags[runs.KEY]}' and attributes.status = 'RUNNING'",
        )
        mine = [run for run in found if run.data.tags.get(runs.PROCESS) == opening.tags[runs.PROCESS]]
        return str(mine[0].info.run_id) if mine else None

    def show(self, curves: Mapping[str, runs.Points]) -> None:
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        for run_id, own in curves.items():
            points = finite_points(own)
            self.client.log_batch(run_id, [Metric(name, value, now, step) for name, step, value in points])
            self._shown.setdefault(run_id, set()).update((name, step) for name, step, _ in points)

    def record(self, results: Sequence[tuple[str, Entry]]) -> None:
        for run_id, entry in results:
            self._record(run_id, entry)

    def _record(self, run_id: str, entry: Entry) -> None:
        from mlflow.entities import Metric, Param, RunTag

        result, ended = entry.result, entry.ended
        for name, content in result.artifacts.items():
            self._add_artifact(run_id, name, content)
        curves, left_out = finite_part(result)
        # One time for all, so that writing them again changes nothing.
        shown = self._shown.get(run_id, set())  # MLflow would hold these twice
        points = [
            (name, *point)
            for name, curve in curves.items()
            for point in curve
            if (name, point[0]) not in shown
        ]
        metrics = [Metric(name, float(value), ended, step) for name, step, value in points]
        params = [Param(k, v) for k, v in entry.opening.params.items()]
        tags = [RunTag(k, v) for k, v in result_tags(result, left_out).items()]
        self.client.log_batch(run_id, metrics, params, tags)
        self.client.set_terminated(run_id, runs.STATUS[result.outcome], ended)

    def _add_artifact(self, run_id: str, name: str, content: bytes) -> None:
        below, _, own = name.rpartition("/")
        with tempfile.TemporaryDirectory(prefix="lossbench-") as folder:
            path = Path(folder) / own
            path.write_bytes(content)
            self.client.log_artifact(run_id, str(path), below or None)

    def keep(self, run_id: str, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            self._add_artifact(run_id, name, content)

    def mark(self, run_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        for run_id in run_ids:
            self.client.log_batch(run_id, tags=[RunTag(k, v) for k, v in tags.items()])

    def mark_experiment(self, experiment: str, tags: Mapping[str, str]) -> None:
        for name, value in tags.items():
            self.client.set_experiment_tag(self.experiment(experiment), name, value)

    def bury(self, run_ids: Sequence[str]) -> None:
        self.mark(run_ids, {runs.OUTCOME: "killed", runs.REASON: DIED})
        for run_id in run_ids:
            self.client.set_terminated(run_id, "KILLED")

    def replace(self, entries: Sequence[Entry], kind: str, experiment: str) -> list[str]:
        # Params cannot be changed, nor points of curves taken away; so new records, then away with the old.
        number = self.experiment(experiment)
        found = self.client.search_runs([number], f"tags.`{runs.KIND}` = '{kind}'", max_results=_MOST)
        earlier = [str(run.info.run_id) for run in found]
        run_ids = self.create([entry.opening for entry in entries], may_exist=False)
        self.record(list(zip(run_ids, entries, strict=True)))
        for run_id in earlier:
            self.client.delete_run(run_id)
        return run_ids

    def close(self) -> None:
        """MLflow keeps its connections for other clients of this process."""
