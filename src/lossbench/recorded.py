"""A recorded run as it is read back to be used again: its tags, its numbers, and the job that it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError
from lossbench.tracking import runs

if TYPE_CHECKING:
    from lossbench.job import Job


def find(run_id: str, uri: str) -> tuple[dict[str, str], dict[str, float]]:
    """The tags of a run, its outcome among them, and its metrics: of curves the last value.

    Raises:
        InputError: there is no such run, or no database; or it is of a baseline.
    """
    from lossbench.tracking.address import check_reachable, parse
    from lossbench.tracking.reader import reading

    address = parse(uri)
    check_reachable(address)
    with reading(address) as records:
        record = records.run(run_id)
        metrics = records.metrics([run_id])[run_id] if record else {}
    if record is None:
        raise InputError(
            f"{address.spoken} has no run {run_id}; copy its id from MLflow, or name another tracking.uri."
        )
    if name := record.tags.get(runs.BASELINE):
        raise InputError(
            f"Run {run_id} is of the baseline {name}, which needs no training; its sweep measures it."
        )
    record.tags.setdefault(runs.OUTCOME, record.status.lower())
    return record.tags, metrics


def job_of(run_id: str, recorded: str) -> Job:
    """What a run trained, from its recorded config.

    Raises:
        InputError: it cannot be read.
    """
    from omegaconf import DictConfig

    from lossbench.job import jobs_from

    config = mapping(recorded)
    if config is None:
        raise InputError(f"The config of run {run_id} cannot be read; train it by its sweep.")
    # Nothing is recorded, so the experiment's name does not matter, which may be one that is refused today.
    config["experiment"] = {"name": "rerun"}
    return jobs_from([DictConfig(config)])[0]


def mapping(text: str) -> dict[str, Any] | None:
    """What a tag holds as JSON; None where somebody has changed it into something else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
