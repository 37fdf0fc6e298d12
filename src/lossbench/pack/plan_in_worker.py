"""A plan made by a worker: the process that asks imports no torch for it, and loads no data.

Workers have begun to import what trains when Hydra reads the command line, on another core. So at the start
of a sweep one of them is ready to plan before this process could be, which torch alone would take 1.3 s.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from lossbench.data.cache import DataCache
from lossbench.engines.answers import answers
from lossbench.engines.local import Local
from lossbench.job import Job
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.planned import Plan, PlannedPack


def plan_in_worker(
    jobs: Sequence[Job], engine: Local, max_members: int, checkpoints: Checkpoints
) -> Plan | None:
    """As `plan.plan`, by a worker of this machine; None where it has failed.

    Raises:
        InputError: as `plan.plan`.
    """
    asked = functools.partial(_answer, engine=engine, max_members=max_members, checkpoints=checkpoints)
    if (answer := answers(asked, [jobs], Local(1))) is None:
        return None
    planned, places = answer[0]
    packs = [_with(pack, [jobs[n] for n in own]) for pack, own in zip(planned.packs, places, strict=True)]
    found = planned.engine
    if isinstance(found, Local) and planned.processes == 1:  # of several that it may have: a worker still
        found = replace(found, n_jobs=1)
    return replace(planned, packs=packs, engine=found, by_worker=True)


def _answer(
    jobs: Sequence[Job], engine: Local, max_members: int, checkpoints: Checkpoints
) -> tuple[Plan, list[list[int]]]:
    """In the worker: the plan without jobs or data, and the places of the jobs of each pack."""
    from lossbench.pack.plan import plan

    planned = plan(jobs, engine, max_members, checkpoints)
    places = {job.key: place for place, job in enumerate(jobs)}
    own = [[places[job.key] for job in pack.jobs] for pack in planned.packs]
    return replace(planned, packs=[_with(pack, ()) for pack in planned.packs], cache=DataCache()), own


def _with(pack: PlannedPack, jobs: Sequence[Job]) -> PlannedPack:
    return replace(pack, jobs=tuple(jobs))
