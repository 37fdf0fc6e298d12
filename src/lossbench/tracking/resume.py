"""What is finished, and what earlier sweeps have left behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, cast

from lossbench.config.own_code import changed, of_text
from lossbench.counting import counted
from lossbench.engines.process import Process
from lossbench.tracking import runs
from lossbench.tracking.address import Address
from lossbench.tracking.reader import load, reading
from lossbench.tracking.records import Record, latest
from lossbench.tracking.runs import RunResult
from lossbench.tracking.writer import Writer

if TYPE_CHECKING:
    from lossbench.job import Job


def finished(address: Address, keys: Collection[str], experiment: str | None) -> dict[str, RunResult]:
    """The run that counts for each key that has one."""
    if not keys:
        return {}
    with reading(address) as records:
        found = latest(record for record in records.runs(experiment, keys, briefly=True) if record.counts)
        metrics = records.metrics([record.run_id for record in found.values()])
    outcomes = {key: cast(runs.Outcome, record.tags[runs.OUTCOME]) for key, record in found.items()}
    return {
        key: RunResult(record.run_id, outcomes[key], metrics=metrics[record.run_id])
        for key, record in found.items()
    }


def changes_of_code(address: Address, missing: Iterable[Job]) -> str | None:
    """What to say where runs are trained again because the user's own code changed since their results."""
    ours = [job for job in missing if job.code]
    codes = {job.key_without_code: job.code for job in ours}
    experiments = dict.fromkeys(job.experiment for job in ours)  # their names are part of the keys
    found: dict[str, list[str]] = {}
    for record in (record for name in experiments for record in load(address, name)):
        own = record.tags.get(runs.WITHOUT_CODE, "")
        if record.counts and (files := changed(of_text(record.tags.get(runs.CODE)), codes.get(own, {}))):
            found[own] = files
    if not found:
        return None
    named = " and ".join(dict.fromkeys(name for files in found.values() for name in files))
    these = "this run: it is" if len(found) == 1 else f"these {counted(len(found), 'run')}: they are"
    return f"your {named} changed since {these} trained again; what is in MLflow stays there"


def abandon(address: Address, writer: Writer, keys: Collection[str], experiment: str | None) -> None:
    """Mark ended records of these keys as superseded but the one that counts; end orphaned ones of any.

    A record in state RUNNING is orphaned when its process is dead.
    """
    with reading(address) as records:
        running = records.running(experiment)
        ours = records.runs(experiment, keys, briefly=True)
    orphans = {record.run_id for record in running if _is_orphan(record)}
    if orphans:
        writer.bury(sorted(orphans))
    outrun = _outrun(ours)
    replaced = [
        record.run_id
        for record in ours
        if (record.ended is not None or record.run_id in orphans)
        and (not record.counts or record.run_id in outrun)
        and record.tags.get(runs.SUPERSEDED) != "true"
    ]
    if replaced:
        writer.mark(replaced, {runs.SUPERSEDED: "true"})


def _is_orphan(record: Record) -> bool:
    process = Process.parse(record.tags.get(runs.PROCESS, ""))
    return process is not None and not process.lives(record.started / 1000)


def supersede_duplicates(address: Address, writer: Writer, keys: Collection[str], experiment: str) -> None:
    """Leave each key one run that counts: the one that ended last."""
    replaced = sorted(_outrun(load(address, experiment, keys, briefly=True)))
    if replaced:
        writer.mark(replaced, {runs.SUPERSEDED: "true"})


def _outrun(records: Iterable[Record]) -> set[str]:
    """Ids of results whose key has a later one, each experiment for itself."""
    counted: dict[str, list[Record]] = {}
    for record in records:
        if record.counts:
            counted.setdefault(record.tags.get(runs.EXPERIMENT, ""), []).append(record)
    kept = {record.run_id for alike in counted.values() for record in latest(alike).values()}
    return {record.run_id for alike in counted.values() for record in alike} - kept
