"""What MLflow is told of a run: at its start, and at its end."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from lossbench import __version__
from lossbench.claims.claim import stated
from lossbench.config import own_code
from lossbench.config.folders import GROUPS
from lossbench.counting import counted
from lossbench.data.labels import names_as_text
from lossbench.job import Job
from lossbench.metrics.recorded import as_text
from lossbench.tracking import Opening, RunResult, opening, provenance, runs

if TYPE_CHECKING:
    from lossbench.data.source import DataSource, Description
    from lossbench.pack.fate import MemberResult
    from lossbench.pack.planned import PlannedPack

_SOURCE_LENGTH = 500  # a table may tell of hundreds of columns that it left out


def run_start(job: Job, pack: PlannedPack) -> Opening:
    member = job.member
    description = replace(pack.description, fingerprint=member.source.fingerprint(member.seed))
    tags = {
        runs.LOSS: member.loss.name,
        **data_tags(member.source, description),
        runs.SELECT: member.source.selects,
        "lossbench.pack": f"{pack.mode}: {pack.because}; {counted(len(pack.jobs), 'member')}",
        runs.CONFIG: _recipe(job),
        runs.CLAIMS: stated(job.config["experiment"]),
    }
    if elicited := _elicited(job):
        tags[runs.ELICITS] = elicited
    if tuned := job.config.get("tune"):
        tags[runs.TUNED] = json.dumps(tuned)
    if unsaid := provenance.flatten({g: own.when_unsaid for g, own in job.choices.items()}):
        tags[runs.UNSAID] = json.dumps(unsaid)
    if job.code:
        tags |= {runs.CODE: own_code.as_text(job.code), runs.WITHOUT_CODE: job.key_without_code}
    params = provenance.flatten({**job.knobs, "seed": member.seed, "pack": job.config["pack"]})
    for one, remark in zip(pack.jobs, pack.remarks, strict=False):  # of all, or of none
        if one.key == job.key and remark:
            tags["lossbench.remark"] = remark
    return opening(job.key, job.experiment, job.name, params, tags, description)


def data_tags(source: DataSource, description: Description) -> dict[str, str]:
    """What a run says of its data, of what is measured, and of the code.

    Args:
        description: with the fingerprint of the run's seed.
    """
    measured = ("metrics",) if source.metrics else ()  # what is measured tells no runs apart
    tags = {
        "lossbench.data": source.name,
        runs.FINGERPRINT: description.fingerprint,
        runs.SOURCE: description.source[:_SOURCE_LENGTH],
        runs.PLACES: json.dumps([f"data.{name}" for name in (*source.places, *measured)]),
        runs.METRICS: as_text(source.measures),
        "lossbench.version": __version__,
        **provenance.tags(),
    }
    if names := names_as_text(description.targets):
        tags[runs.CLASSES] = names
    if source.fresh_examples:
        tags[runs.FRESH] = "true"
    return tags


def _elicited(job: Job) -> str:
    """What the loss elicits of the target itself, where it sees logarithms, too."""
    word = job.member.loss.elicits(job.member.target)
    logarithm = getattr(job.member.source, "log_target", False)
    return {"mean": "geometric mean"}.get(word, word) if logarithm else word


def _recipe(job: Job) -> str:
    """The config of a run as `lossbench.rerun` reads it: params have no classes, and no types."""
    kept = {name: job.config[name] for name in (*GROUPS, "seed", "pack")}
    return json.dumps({**kept, "experiment": {"name": job.experiment}})


def run_result(job: Job, run_id: str, result: MemberResult) -> RunResult:
    artifacts = {}
    if result.predictions and job.config["tracking"]["predictions"]:
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **result.predictions)
        artifacts["predictions.npz"] = buffer.getvalue()
    if result.model is not None:
        artifacts["state_dict.pt"] = result.model
    return RunResult(
        run_id, result.outcome, result.reason, result.traceback, result.history, result.metrics, artifacts
    )
