"""Records read from MLflow's database, fast enough for ten thousand.

MLflow's own search loads every param, metric and tag of every run as objects, which takes a minute where a
query takes a second. So the tables are read directly, in the few columns that they have had since 1.x.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from lossbench.tracking import runs
from lossbench.tracking.address import Address
from lossbench.tracking.records import TAG_PREFIX, Record, Records, current_name, in_order

if TYPE_CHECKING:
    from sqlalchemy import Engine, TableClause

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

    def runs(
        self,
        experiment: str | None,
        keys: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
        *,
        briefly: bool = False,
    ) -> list[Record]:
        in_scope = _of_experiment(experiment)
        in_scope += _tagged("kind", runs.KIND, kinds) if kinds is not None else []
        # Tags are most of what is read: those of other keys are not, where a query can name the wanted ones.
        in_scope += _tagged("key", runs.KEY, keys) if keys is not None and len(keys) <= _AT_ONCE else []
        ours = self._ours(briefly, *in_scope)
        wanted = None if keys is None else set(keys)
        return [one for one in ours if wanted is None or one.tags.get(runs.KEY) in wanted]

    def running(self, experiment: str | None) -> list[Record]:
        return self._ours(True, *_of_experiment(experiment), _table("runs").c.status == "RUNNING")

    def times(self, experiment: str | None) -> dict[tuple[str, str], tuple[int, int]]:
        from sqlalchemy import func, select

        run, of, tag = map(_table, ("runs", "experiments", "tags"))
        last = (func.max(run.c.start_time), func.coalesce(func.max(run.c.end_time), 0))
        ours = (tag.c.run_uuid == run.c.run_uuid, tag.c.key == runs.KIND, run.c.lifecycle_stage == "active")
        statement = select(of.c.name, tag.c.value, *last).where(*_of_experiment(experiment), *ours)
        with self._engine.connect() as connection:
            found = connection.execute(statement.group_by(of.c.name, tag.c.value))
            return {(name, kind): (started, ended) for name, kind, started, ended in found}

    def run(self, run_id: str) -> Record | None:
        ours = _table("tags").c.key.startswith(TAG_PREFIX)
        return next(iter(self._records(ours, _table("runs").c.run_uuid == run_id)), None)

    def _ours(self, briefly: bool, *where: Any) -> list[Record]:
        """Those of lossbench where something holds."""
        tag = _table("tags")
        whole = tag.c.key.startswith(TAG_PREFIX) & tag.c.key.not_in(runs.LONG)
        found = self._records(tag.c.key.in_(runs.STANDING) if briefly else whole, *where)
        return [record for record in found if record.tags]

    def _records(self, read: Any, *where: Any) -> list[Record]:
        """Those where something holds, with the tags that are to be read."""
        run, tag = map(_table, ("runs", "tags"))
        active = (run.c.lifecycle_stage == "active", *where)
        ours = (tag.c.run_uuid == run.c.run_uuid, read)
        tags: dict[str, dict[str, str]] = {}
        for run_id, name, value in self._rows(tag, "run_uuid key value", *ours, *active):
            tags.setdefault(run_id, {})[name] = value
        return [Record(*[*row, tags.get(row[0], {})]) for row in self._rows(run, _RECORD, *active)]

    def experiments(self) -> dict[str, str]:
        of = _table("experiments")
        active = self._rows(of, "name experiment_id", of.c.lifecycle_stage == "active")
        return {name: str(number) for name, number in active}

    def deleted(self, experiment: str) -> str | None:
        of = _table("experiments")
        found = self._rows(of, "experiment_id", of.c.name == experiment, of.c.lifecycle_stage == "deleted")
        return next((str(number) for (number,) in found), None)

    def metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        last = _table("latest_metrics")
        found = self._of_runs(run_ids, last, "run_uuid key value", last.c.is_nan.is_(False))
        return _nested(run_ids, ((run_id, current_name(name), value) for run_id, name, value in found))

    def params(self, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        return _nested(run_ids, self._of_runs(run_ids, _table("params"), "run_uuid key value"))

    def history(self, run_ids: Sequence[str], metric: str) -> list[tuple[str, int, float]]:
        point = _table("metrics")
        of_metric = (point.c.key == metric, point.c.is_nan.is_(False))
        return in_order(run_ids, self._of_runs(run_ids, point, "run_uuid step value", *of_metric))

    def _of_runs(
        self, run_ids: Sequence[str], table: TableClause, columns: str, *where: Any
    ) -> Iterator[Any]:
        for start in range(0, len(run_ids), _AT_ONCE):
            some = table.c.run_uuid.in_(run_ids[start : start + _AT_ONCE])
            yield from self._rows(table, columns, some, *where)

    def _rows(self, table: TableClause, columns: str, *where: Any) -> Sequence[Any]:
        from sqlalchemy import select

        statement = select(*(table.c[name] for name in columns.split())).where(*where)
        with self._engine.connect() as connection:
            # The driver's own tuples: what SQLAlchemy makes of them takes as long again as reading them.
            rows: Sequence[Any] = connection.execute(statement).cursor.fetchall()
            return rows


def _of_experiment(name: str | None) -> list[Any]:
    """That a run is in an experiment of this name, or in any, which is not deleted."""
    run, of = map(_table, ("runs", "experiments"))
    there = [run.c.experiment_id == of.c.experiment_id, of.c.lifecycle_stage == "active"]
    return there if name is None else [*there, of.c.name == name]


def _tagged(alias: str, name: str, values: Collection[str]) -> list[Any]:
    """That a run has one of these values in a tag."""
    tag, run = _table("tags").alias(alias), _table("runs")
    return [tag.c.run_uuid == run.c.run_uuid, tag.c.key == name, tag.c.value.in_(sorted(values))]


def _nested(run_ids: Sequence[str], rows: Iterable[tuple[str, str, Any]]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {run_id: {} for run_id in run_ids}
    for run_id, name, value in rows:
        nested[run_id][name] = value
    return nested


# MLflow's tables, in the columns that are read here.
_COLUMNS = {
    "experiments": "experiment_id name lifecycle_stage",
    "runs": "run_uuid name status start_time end_time artifact_uri experiment_id lifecycle_stage",
    "tags": "run_uuid key value",
    "params": "run_uuid key value",
    "metrics": "run_uuid key value step",
    "latest_metrics": "run_uuid key value",
}
_RECORD = "run_uuid name status start_time end_time artifact_uri"  # as the fields of Record


@cache
def _table(name: str) -> TableClause:
    from sqlalchemy import Boolean, column, table

    return table(name, *map(column, _COLUMNS[name].split()), column("is_nan", Boolean))
