"""Records read back, fast enough for ten thousand.

MLflow's own search loads every param, metric and tag of every run as objects, which takes a minute where a
query takes a second. So databases are asked directly, for reading only, in the few columns that MLflow has
had since 1.x; a server is asked through the public client.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from lossbench.tracking import runs
from lossbench.tracking.address import Address
from lossbench.tracking.quiet import client

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy import Engine, Select, TableClause

_AT_ONCE = 500  # run ids in one query: below every database's limit of variables
_PAGE = 1000
_CONNECTIONS = 8
_TAG_PREFIX = "lossbench."


@dataclass(frozen=True)
class Record:
    """A record as the tables hold it; times in milliseconds since the epoch, tags those of lossbench."""

    run_id: str
    name: str
    status: str
    started: int
    ended: int | None
    artifacts: str  # address of its artifacts
    tags: dict[str, str]

    @property
    def counts(self) -> bool:
        """Whether it is a result that resume and reports may use."""
        return (
            self.ended is not None
            and self.tags.get(runs.OUTCOME) in runs.COUNTED
            and self.tags.get(runs.SUPERSEDED) != "true"
        )


class Records(ABC):
    """Reads the records of one tracking address."""

    @abstractmethod
    def runs(self, experiment: str | None, keys: Collection[str] | None = None) -> list[Record]:
        """Records of lossbench in one experiment, or in all; only those of `keys` where given."""

    @abstractmethod
    def metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """The last value of each metric, for each run."""

    @abstractmethod
    def params(self, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Params of each run."""

    @abstractmethod
    def history(self, run_ids: Sequence[str], metric: str) -> list[tuple[str, int, float]]:
        """(run id, step, value), in the order of the given runs and of steps."""

    @abstractmethod
    def close(self) -> None:
        """Give connections back."""


def reader(address: Address) -> Records:
    """The fastest way to read from an address."""
    return ServerRecords(address) if address.kind == "http" else DatabaseRecords(address)


class DatabaseRecords(Records):
    """Reads MLflow's tables."""

    def __init__(self, address: Address) -> None:
        self._uri = address.uri

    @cached_property
    def _engine(self) -> Engine:
        from sqlalchemy import create_engine

        return create_engine(self._uri)

    def close(self) -> None:
        self._engine.dispose()

    def runs(self, experiment: str | None, keys: Collection[str] | None = None) -> list[Record]:
        from sqlalchemy import select

        run, tag, of = _tables().runs, _tables().tags, _tables().experiments
        in_scope = [
            run.c.experiment_id == of.c.experiment_id,
            run.c.lifecycle_stage == "active",
            of.c.lifecycle_stage == "active",
            *([of.c.name == experiment] if experiment is not None else []),
        ]
        tags: dict[str, dict[str, str]] = {}
        ours = select(tag.c.run_uuid, tag.c.key, tag.c.value).where(
            tag.c.run_uuid == run.c.run_uuid, tag.c.key.startswith(_TAG_PREFIX), *in_scope
        )
        for run_id, name, value in self._rows(ours):
            tags.setdefault(run_id, {})[name] = value
        columns = (run.c.run_uuid, run.c.name, run.c.status, run.c.start_time, run.c.end_time)
        wanted = set(keys) if keys is not None else None
        return [
            Record(*row, tags=tags[row[0]])
            for row in self._rows(select(*columns, run.c.artifact_uri).where(*in_scope))
            if row[0] in tags and (wanted is None or tags[row[0]].get(runs.KEY) in wanted)
        ]

    def metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        from sqlalchemy import select

        last = _tables().latest_metrics
        statement = select(last.c.run_uuid, last.c.key, last.c.value).where(last.c.is_nan.is_(False))
        return _nested(run_ids, self._of_runs(statement, last, run_ids))

    def params(self, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        from sqlalchemy import select

        param = _tables().params
        statement = select(param.c.run_uuid, param.c.key, param.c.value)
        return _nested(run_ids, self._of_runs(statement, param, run_ids))

    def history(self, run_ids: Sequence[str], metric: str) -> list[tuple[str, int, float]]:
        from sqlalchemy import select

        point = _tables().metrics
        statement = select(point.c.run_uuid, point.c.step, point.c.value).where(
            point.c.key == metric, point.c.is_nan.is_(False)
        )
        return _in_order(run_ids, self._of_runs(statement, point, run_ids))

    def _of_runs(self, statement: Select[Any], table: TableClause, run_ids: Sequence[str]) -> Iterator[Any]:
        for start in range(0, len(run_ids), _AT_ONCE):
            yield from self._rows(statement.where(table.c.run_uuid.in_(run_ids[start : start + _AT_ONCE])))

    def _rows(self, statement: Select[Any]) -> Iterable[Any]:
        with self._engine.connect() as connection:
            return connection.execute(statement).tuples().all()


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

    def runs(self, experiment: str | None, keys: Collection[str] | None = None) -> list[Record]:
        if experiment is None:
            ids = [found.experiment_id for found in self._client.search_experiments()]
        else:
            found = self._client.get_experiment_by_name(experiment)
            ids = [found.experiment_id] if found and found.lifecycle_stage == "active" else []
        if not ids:
            return []
        if keys is not None and len(keys) <= _CONNECTIONS:
            pages = [self._search(ids, f"tags.`{runs.KEY}` = '{key}'") for key in keys]
        else:
            pages = [self._search(ids, f"tags.`{runs.KIND}` != ''")]
        wanted = set(keys) if keys is not None else None
        read = [_record(run) for run in chain.from_iterable(pages)]
        return [record for record in read if wanted is None or record.tags.get(runs.KEY) in wanted]

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

    def metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        return {run_id: dict(self._run(run_id).data.metrics) for run_id in run_ids}

    def params(self, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        return {run_id: dict(self._run(run_id).data.params) for run_id in run_ids}

    def history(self, run_ids: Sequence[str], metric: str) -> list[tuple[str, int, float]]:
        def one(run_id: str) -> list[tuple[str, int, float]]:
            points = self._client.get_metric_history(run_id, metric)
            return [(run_id, point.step, point.value) for point in points]

        with ThreadPoolExecutor(_CONNECTIONS) as threads:  # MLflow has no public call for several runs
            return _in_order(run_ids, chain.from_iterable(threads.map(one, run_ids)))


def load(address: Address, experiment: str | None, keys: Collection[str] | None = None) -> list[Record]:
    """Records of lossbench, for a caller that needs nothing else."""
    with closing(reader(address)) as records:
        return records.runs(experiment, keys)


def latest(records: Iterable[Record]) -> dict[str, Record]:
    """The record that ended last, for each key. Equal times are settled by the id, the same for everyone."""
    newest: dict[str, Record] = {}
    for record in sorted(records, key=lambda r: (r.ended or 0, r.run_id)):
        newest[record.tags.get(runs.KEY, record.run_id)] = record
    return newest


def _record(run: Any) -> Record:
    info, tags = run.info, run.data.tags
    ours = {name: value for name, value in tags.items() if name.startswith(_TAG_PREFIX)}
    return Record(
        info.run_id, info.run_name, info.status, info.start_time, info.end_time, info.artifact_uri, ours
    )


def _nested(run_ids: Sequence[str], rows: Iterable[tuple[str, str, Any]]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {run_id: {} for run_id in run_ids}
    for run_id, name, value in rows:
        nested[run_id][name] = value
    return nested


def _in_order(run_ids: Sequence[str], rows: Iterable[Any]) -> list[tuple[str, int, float]]:
    place = {run_id: i for i, run_id in enumerate(run_ids)}
    return sorted((tuple(row) for row in rows), key=lambda row: (place[row[0]], row[1]))


@dataclass(frozen=True)
class _Tables:
    """MLflow's tables, in the columns that are read here."""

    experiments: TableClause
    runs: TableClause
    tags: TableClause
    params: TableClause
    metrics: TableClause
    latest_metrics: TableClause


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    from sqlalchemy import Boolean, column, table

    def named(name: str, columns: str) -> TableClause:
        return table(name, *map(column, columns.split()), column("is_nan", Boolean))

    run_columns = "run_uuid name status start_time end_time artifact_uri experiment_id lifecycle_stage"
    return _Tables(
        experiments=named("experiments", "experiment_id name lifecycle_stage"),
        runs=named("runs", run_columns),
        tags=named("tags", "run_uuid key value"),
        params=named("params", "run_uuid key value"),
        metrics=named("metrics", "run_uuid key value step"),
        latest_metrics=named("latest_metrics", "run_uuid key value"),
    )
