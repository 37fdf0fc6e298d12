"""Records read through a tracking server, by MLflow's public client."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from lossbench.tracking import runs
from lossbench.tracking.address import Address
from lossbench.tracking.quiet import client
from lossbench.tracking.records import TAG_PREFIX, Record, Records, current_name, in_order

if TYPE_CHECKING:
    from mlflow import MlflowClient

_OURS = f"tags.`{runs.KIND}` != ''"
_PAGE = 1000
_CONNECTIONS = 8
_NO_RUN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the second where it cannot be an id


class ServerRecords(Records):
    """Reads through a tracking server, a thousand runs at a time."""

    def __init__(self, address: Address) -> None:
        self._uri = address.uri
        self._seen: dict[str, Any] = {}  # run id -> mlflow's Run, which holds its params and metrics

    @cached_property
    def _client(self) -> MlflowClient:
        return client(self._uri)

    def close(self) -> None:
        self._seen.clear()

    def runs(
        self,
        experiment: str | None,
        keys: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
        *,
        briefly: bool = False,
    ) -> list[Record]:
        ids = self._experiments(experiment)
        if not ids:
            return []
        if keys is not None and len(keys) <= _CONNECTIONS:
            pages = [self._search(ids, f"tags.`{runs.KEY}` = '{key}'") for key in keys]
        elif kinds is not None:
            pages = [self._search(ids, f"tags.`{runs.KIND}` = '{kind}'") for kind in kinds]
        else:
            pages = [self._search(ids, _OURS)]
        wanted = set(keys) if keys is not None else None
        read = [_record(run) for run in chain.from_iterable(pages)]
        return [
            record
            for record in read
            if (wanted is None or record.tags.get(runs.KEY) in wanted)
            and (kinds is None or record.tags.get(runs.KIND) in kinds)
        ]

    def running(self, experiment: str | None) -> list[Record]:
        ids = self._experiments(experiment)
        wanted = f"attributes.status = 'RUNNING' and {_OURS}"
        return [_record(run) for run in self._search(ids, wanted)] if ids else []

    def times(self, experiment: str | None) -> dict[tuple[str, str], tuple[int, int]]:
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for record in self.runs(experiment):
            key = (record.tags.get(runs.EXPERIMENT, ""), record.tags.get(runs.KIND, ""))
            started, ended = found.get(key, (0, 0))
            found[key] = (max(started, record.started), max(ended, record.ended or 0))
        return found

    def _experiments(self, name: str | None) -> list[str]:
        """The numbers of those that are not deleted."""
        if name is None:
            return [found.experiment_id for found in self._client.search_experiments()]
        found = self._client.get_experiment_by_name(name)
        return [found.experiment_id] if found and found.lifecycle_stage == "active" else []

    def _search(self, experiments: list[str], condition: str) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_runs(experiments, condition, max_results=_PAGE, page_token=token)
            for run in page:
                self._seen[run.info.run_id] = run
                yield run
            token = page.token
            if not token:
                return

    def _run(self, run_id: str) -> Any:
        if run_id not in self._seen:
            self._seen[run_id] = self._client.get_run(run_id)
        return self._seen[run_id]

    def run(self, run_id: str) -> Record | None:
        from mlflow.exceptions import MlflowException

        try:
            found = self._run(run_id)
        except MlflowException as error:
            if error.error_code in _NO_RUN:
                return None
            raise
        return _record(found) if found.info.lifecycle_stage == "active" else None

    def experiments(self) -> dict[str, str]:
        return {found.name: str(found.experiment_id) for found in self._client.search_experiments()}

    def deleted(self, experiment: str) -> str | None:
        found = self._client.get_experiment_by_name(experiment)
        return str(found.experiment_id) if found and found.lifecycle_stage == "deleted" else None

    def metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        found = {run_id: self._run(run_id).data.metrics for run_id in run_ids}
        return {
            run_id: {current_name(name): value for name, value in own.items()}
            for run_id, own in found.items()
        }

    def params(self, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        return {run_id: dict(self._run(run_id).data.params) for run_id in run_ids}

    def history(self, run_ids: Sequence[str], metric: str) -> list[tuple[str, int, float]]:
        def one(run_id: str) -> list[tuple[str, int, float]]:
            # A step stands twice where the process that showed it live was not the one that recorded it.
            points = {point.step: point.value for point in self._client.get_metric_history(run_id, metric)}
            return [(run_id, step, value) for step, value in points.items()]

        with ThreadPoolExecutor(_CONNECTIONS) as threads:  # MLflow has no public call for several runs
            return in_order(run_ids, chain.from_iterable(threads.map(one, run_ids)))


def _record(run: Any) -> Record:
    info, tags = run.info, run.data.tags
    ours = {name: value for name, value in tags.items() if name.startswith(TAG_PREFIX)}
    return Record(
        info.run_id, info.run_name, info.status, info.start_time, info.end_time, info.artifact_uri, ours
    )
