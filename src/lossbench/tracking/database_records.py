"""Records read from MLflow's database, fast enough for ten thousand.

MLflow's own search loads every param, metric and tag of every run as objects, which takes a minute where a
query takes a second. So the tables are read directly, in the few columns that they have had since 1.x.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from lossbench.tracking import runs
from lossbench.tracking.address import Address
from lossbench.tracking.records import TAG_PREFIX, Record, Records, in_order

if TYPE_CHECKING:
    from sqlalchemy import Engine, Select, TableClause

_LOCK_SECONDS = 30.0
_AT_ONCE = 500  # run ids in one query: below every database's limit of variables


class DatabaseRecords(Records):
    """Reads MLflow's tables."""

    def __init__(self, address: Address) -> None:
        self._uri = address.uri

    @cached_property
    def _engine(self) -> Engine:
        from sqlalchemy import create_engine

        # A reader waits for a writer only where the database has no write-ahead log.
        waiting = {"timeout": _LOCK_SECONDS} if self._uri.startswith("sqlite") else {}
        return create_engine(self._uri, connect_args=waiting)

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
            tag.c.run_uuid == run.c.run_uuid, tag.c.key.startswith(TAG_PREFIX), *in_scope
        )
        for run_id, name, value in self._rows(ours):
            tags.setdefault(run_id, {})[name] = value
        columns = (run.c.run_uuid, run.c.name, run.c.status, run.c.start_time, run.c.end_time)
        every = self._rows(select(*columns, run.c.artifact_uri).where(*in_scope))
        wanted = set(keys) if keys is not None else None
        return [
            Record(run_id, name, status, started, ended, artifacts, tags[run_id])
            for run_id, name, status, started, ended, artifacts in every
            if run_id in tags and (wanted is None or tags[run_id].get(runs.KEY) in wanted)
        ]

    def run(self, run_id: str) -> Record | None:
        from sqlalchemy import select

        run, tag = _tables().runs, _tables().tags
        tags = select(tag.c.key, tag.c.value).where(
            tag.c.run_uuid == run_id, tag.c.key.startswith(TAG_PREFIX)
        )
        columns = (run.c.name, run.c.status, run.c.start_time, run.c.end_time, run.c.artifact_uri)
        active = select(*columns).where(run.c.run_uuid == run_id, run.c.lifecycle_stage == "active")
        for name, status, started, ended, artifacts in self._rows(active):
            return Record(run_id, name, status, started, ended, artifacts, dict(self._rows(tags)))
        return None

    def experiments(self) -> dict[str, str]:
        from sqlalchemy import select

        of = _tables().experiments
        active = select(of.c.name, of.c.experiment_id).where(of.c.lifecycle_stage == "active")
        return {name: str(number) for name, number in self._rows(active)}

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
        return in_order(run_ids, self._of_runs(statement, point, run_ids))

    def artifact_place(self, run_id: str) -> str | None:
        from sqlalchemy import select

        run = _tables().runs
        rows = list(self._rows(select(run.c.artifact_uri).where(run.c.run_uuid == run_id)))
        return str(rows[0][0]) if rows else None

    def _of_runs(self, statement: Select[Any], table: TableClause, run_ids: Sequence[str]) -> Iterator[Any]:
        for start in range(0, len(run_ids), _AT_ONCE):
            yield from self._rows(statement.where(table.c.run_uuid.in_(run_ids[start : start + _AT_ONCE])))

    def _rows(self, statement: Select[Any]) -> Iterable[Any]:
        with self._engine.connect() as connection:
            return connection.execute(statement).all()


def _nested(run_ids: Sequence[str], rows: Iterable[tuple[str, str, Any]]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {run_id: {} for run_id in run_ids}
    for run_id, name, value in rows:
        nested[run_id][name] = value
    return nested


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
