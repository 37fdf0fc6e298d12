"""The one entry to training: check -> skip what is finished -> group into packs -> fit -> record."""

from __future__ import annotations

import functools
import importlib
import logging
import sys
import threading
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lossbench.claims.parsing import check_experiments
from lossbench.engines.events import Engine, Event, Said
from lossbench.engines.foresight import NEEDED, SEVERAL_RUNS
from lossbench.engines.interruption import INTERRUPTIONS, Told, ended_by_sigterm
from lossbench.engines.local import Local, here
from lossbench.engines.progress import Progress
from lossbench.engines.server import stop, warm
from lossbench.errors import InputError
from lossbench.job import Job, jobs_from
from lossbench.outcome import Outcome, tell
from lossbench.teachers.beforehand import has_teacher
from lossbench.tracking import NotRecorded, Store, baselines, resolve_uri
from lossbench.tracking.address import check_reachable
from lossbench.tracking.heard import Heard
from lossbench.tracking.resume import changes_of_code

if TYPE_CHECKING:
    from lossbench.pack.checkpoint import Checkpoints
    from lossbench.pack.planned import Plan

log = logging.getLogger(__name__)

# Member-epochs from which worker processes may be wanted: they begin their imports at once, on another core.
_WORTH_PRELOADING = 30
# Who pressed a key waits no longer for the database; what it has not taken by then stays on disk.
_LEAVING_SECONDS = 3.0


def train_many(
    configs: Sequence[DictConfig],
    *,
    n_jobs: int = 0,
    max_members: int = 128,
    last: bool = True,
    engine: Engine | None = None,
) -> list[Outcome]:
    """Train the runs of a sweep and record them in MLflow.

    Args:
        configs: one composed config per run, without Hydra's own node.
        n_jobs: processes at a time; 0 is one per core.
        max_members: the most runs in one pack.
        engine: where packs train; None is this machine, with `n_jobs` processes.
        last: the sweep ends with these runs; if not, what is said of it as a whole waits for those to come.

    Returns:
        one outcome per config, in order. Equal configs are trained once.

    Raises:
        InputError: a config, the data or the tracking address is at fault; nothing was trained.
    """
    jobs = jobs_from(configs)
    check_experiments((job.config["experiment"], job.member.source) for job in jobs)
    uri = resolve_uri(tracking_uri(jobs))
    store = Store(uri)
    check_reachable(store.address)
    wanted = {job.key: job for job in jobs}
    planned, outcomes = _missing(store, wanted, engine or Local(n_jobs), max_members)
    # Also where nothing is to train: an interrupted sweep may have begun to train finished runs again.
    beside = baselines.wanted(jobs)
    store.abandon([*wanted, *beside])
    held = planned.cache if planned and planned.alone else None
    workers = planned.engine if planned and planned.by_worker else None
    measured = baselines.measure(store, beside, held, workers)
    for line in measured if len(jobs) == 1 else ():
        log.info("%s", line)
    try:
        if planned:
            _train(store, planned, outcomes)
        elif measured:
            store.close()
    except NotRecorded:
        tell(list(outcomes.values()))  # what failed is no less worth knowing
        raise
    tell(list(outcomes.values()), uri if last else None)
    if len(jobs) > 1 and last:
        from lossbench.review.sweep import conclude

        conclude(uri, [job.config["experiment"] for job in jobs], trained=bool(planned or measured))
    return [outcomes[job.key] for job in jobs]


def _missing(
    store: Store, wanted: dict[str, Job], engine: Engine, max_members: int
) -> tuple[Plan | None, dict[str, Outcome]]:
    """How to train what is not finished, None where nothing is missing; and what is finished."""
    checkpoints = _checkpoints(store, wanted.values(), engine)
    # Without a database nothing is finished, unless a result waits on disk for one. Planning reads data and
    # makes models, which may be at fault: so it comes before the database is made.
    known = store.exists()
    planned = None if known else _plan(wanted.values(), engine, max_members, checkpoints)
    store.prepare()
    outcomes = finished_runs(store, wanted)
    missing = [job for key, job in wanted.items() if key not in outcomes]
    if outcomes:
        log.info("%d of %d runs to train, %d finished", len(missing), len(wanted), len(outcomes))
        checkpoints.forget(outcomes)
    if known and (line := changes_of_code(store.address, missing)):
        log.warning("%s", line)
    if missing and (outcomes or known):
        planned = _plan(missing, engine, max_members, checkpoints)
    return planned if missing else None, outcomes


def tracking_uri(jobs: Sequence[Job]) -> str | None:
    """The address that all jobs name; several are an InputError."""
    uris: set[str | None] = {job.config["tracking"]["uri"] for job in jobs}
    if len(uris) > 1:
        raise InputError(f"A sweep records at one address; tracking.uri names {len(uris)}: choose one.")
    return next(iter(uris))


def finished_runs(store: Store, wanted: dict[str, Job]) -> dict[str, Outcome]:
    """The runs of these keys that need no training, as they were recorded."""
    asked: dict[str, list[str]] = {}
    for key, job in wanted.items():
        if job.config["tracking"]["resume"]:
            asked.setdefault(job.experiment, []).append(key)
    return {
        key: Outcome(wanted[key], run.outcome, None, _totals(run.metrics), run.run_id, found=True)
        for experiment, keys in asked.items()
        for key, run in store.finished(keys, experiment).items()
        if not (run.outcome == "diverged" and wanted[key].config["tracking"]["retry_diverged"])
    }


def _totals(recorded: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in recorded.items() if not name.startswith(("train/", "val/"))}


def _plan(jobs: Collection[Job], engine: Engine, max_members: int, checkpoints: Checkpoints) -> Plan:
    workers = _planning(jobs, engine)
    if workers or (not engine.elsewhere and engine.slots > 1 and _epochs(jobs) >= _WORTH_PRELOADING):
        warm(NEEDED)
    if workers:
        from lossbench.pack.plan_in_worker import plan_in_worker

        _import_beside("sqlalchemy")  # which records need, while a worker plans
        if planned := plan_in_worker(list(jobs), workers, max_members, checkpoints):
            return planned
    # Only now, when something is to be trained: importing torch and Lightning takes seconds.
    from lossbench.data.cache import DataCache
    from lossbench.pack.plan import plan
    from lossbench.pack.where import suited
    from lossbench.teachers.beforehand import teach

    engine = suited(engine, {job.member.trainer.accelerator for job in jobs})
    teach(jobs, engine)
    planned = plan(list(jobs), engine, max_members, checkpoints)
    # Workers load what they train on: this process needs no inputs beside theirs.
    return planned if planned.alone else replace(planned, cache=DataCache())


def _planning(jobs: Collection[Job], engine: Engine) -> Local | None:
    """The engine whose workers plan a sweep, which saves this process the import of torch; None: it plans.

    Where teachers train first, this process reads what they say. And a program without Hydra may not be
    written for worker processes, which import it again, if its sweeps are small.
    """
    apart = (
        HydraConfig.initialized()
        and "torch" not in sys.modules
        and len(jobs) >= SEVERAL_RUNS
        and not any(has_teacher(job) for job in jobs)
    )
    return engine if apart and isinstance(engine, Local) and engine.slots > 1 else None


def _train(store: Store, planned: Plan, outcomes: dict[str, Outcome]) -> None:
    """Train all packs. Each that ends is in `outcomes` at once, however the sweep goes on."""
    packs, found = planned.packs, len(outcomes)
    jobs = [job for pack in packs for job in pack.jobs]
    with store, Progress(len(packs), len(jobs), _epochs(jobs)) as progress, ended_by_sigterm():
        sweep = Heard(store, progress, packs, outcomes)
        try:
            with closing(_events(planned, sweep.hear)) as events:  # work outlives no interruption
                for event in events:
                    sweep.hear(event)
        except INTERRUPTIONS as error:
            progress.close()  # or it is drawn over what is said now
            _leave(store, len(outcomes) - found, len(jobs))
            raise (Told() if isinstance(error, KeyboardInterrupt) else error) from None
    for job in jobs:
        outcome = outcomes[job.key]
        outcomes[job.key] = replace(outcome, run_id=store.recorded_id(str(outcome.run_id)))


def _events(planned: Plan, hear: Callable[[Said], None]) -> Generator[Event, None, None]:
    from lossbench.pack.abroad import Mark, fit_abroad
    from lossbench.pack.work import fit_pack

    work = [pack.work for pack in planned.packs]
    if planned.alone:
        return here(functools.partial(fit_pack, cache=planned.cache), work, hear)
    _import_beside("lossbench.review.refresh")  # with pandas and scipy, for after training
    if isinstance(planned.engine, Local):
        return planned.engine.run(fit_pack, work)
    return planned.engine.run(functools.partial(fit_abroad, mark=Mark.of_cache()), work)


def _import_beside(module: str) -> None:
    """Import in a thread what is wanted later, while this process waits for workers."""
    threading.Thread(target=importlib.import_module, args=(module,), daemon=True).start()


def _epochs(jobs: Collection[Job]) -> int:
    return sum(job.member.trainer.epochs for job in jobs)


def _checkpoints(store: Store, jobs: Collection[Job], engine: Engine) -> Checkpoints:
    """Where packs write their state, rid of what is wanted afresh."""
    from lossbench.data.archive import cache_folder
    from lossbench.pack.checkpoint import FOLDER, Checkpoints

    path = store.address.path
    near = path.parent if path else Path.cwd()
    # Other machines may see no more of this one's than the folder that they share.
    checkpoints = Checkpoints((near if isinstance(engine, Local) else cache_folder()) / FOLDER)
    checkpoints.forget([job.key for job in jobs if not job.config["tracking"]["resume"]])
    return checkpoints


def _leave(store: Store, done: int, wanted: int) -> None:
    """End what is open, because the sweep was interrupted, and say what is left."""
    stop()
    try:
        store.close(_LEAVING_SECONDS)
    except NotRecorded as error:
        log.error("%s", error)
    log.warning("interrupted: %d of %d runs ended; the same command trains the others", done, wanted)
