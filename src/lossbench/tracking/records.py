"""A record as it is read back, and which record of a key counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from lossbench.tracking import runs

TAG_PREFIX = "lossbench."


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


# Until 0.4 runs had other words for these than their summaries.
_OLD = {"best/": "val_best/", "choose/": "val_choose/", "cross/": "test_cross/"}


@cache
def current_name(metric: str) -> str:
    """What a metric is called now that an earlier version recorded."""
    kind, slash, name = metric.partition("/")
    return _OLD.get(kind + slash, kind + slash) + name


class Records(Protocol):
    """Reads the records of one tracking address."""

    def runs(
        self,
        experiment: str | None,
        keys: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
        *,
        briefly: bool = False,
    ) -> list[Record]:
        """Records of lossbench in one experiment, or in all; of `keys` and `kinds` where given.

        The tags of `runs.LONG` may be missing; `run` has them.

        Args:
            briefly: the tags of `runs.STANDING` will do, which where there are many records saves most of
                what is read.
        """

    def times(self, experiment: str | None) -> dict[tuple[str, str], tuple[int, int]]:
        """When a run of an experiment and a kind last started, and when one last ended (0: none has).

        Args:
            experiment: of this one; None is all.
        """

    def running(self, experiment: str | None) -> list[Record]:
        """Records in state RUNNING, in one experiment or in all, as `runs` gives them briefly."""

    def run(self, run_id: str) -> Record | None:
        """The record of one run, which need not be lossbench's; None where there is none."""

    def experiments(self) -> dict[str, str]:
        """The number of each experiment by its name, without deleted ones."""

    def deleted(self, experiment: str) -> str | None:
        """The number of an experiment that was deleted in MLflow and can be restored; None: there is none."""

    def metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """The last value of each metric, for each run, by its name of today."""

    def params(self, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Params of each run."""

    def history(self, run_ids: Sequence[str], metric: str) -> list[tuple[str, int, float]]:
        """(run id, step, value), in the order of the given runs and of steps."""

    def close(self) -> None:
        """Give connections back."""


def latest(records: Iterable[Record]) -> dict[str, Record]:
    """The record that ended last, for each key. Equal times are settled by the id, the same for everyone."""
    newest: dict[str, Record] = {}
    for record in sorted(records, key=lambda r: (r.ended or 0, r.run_id)):
        newest[record.tags.get(runs.KEY, record.run_id)] = record
    return newest


def in_order(run_ids: Sequence[str], rows: Iterable[Any]) -> list[tuple[str, int, float]]:
    """Points of curves sorted as `Records.history` gives them."""
    place = {run_id: i for i, run_id in enumerate(run_ids)}
    return sorted((tuple(row) for row in rows), key=lambda row: (place[row[0]], row[1]))
