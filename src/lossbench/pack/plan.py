"""How a sweep trains: which runs share a pack, and whether a pack is stacked or trains in turns."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lossbench.data.cache import DataCache
from lossbench.data.source import DataSet, Description
from lossbench.engines.events import Engine
from lossbench.engines.local import Local
from lossbench.job import Job, Member
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.draws import left_alone
from lossbench.pack.engine import build_modules
from lossbench.pack.grouping import even_parts, may_share
from lossbench.pack.groups import loss_kind
from lossbench.pack.judgeable import check_measured
from lossbench.pack.kept import kept_for_backward
from lossbench.pack.modes import cannot_stack, choose_mode, on_gpu, widest_stack
from lossbench.pack.planned import Plan, PlannedPack
from lossbench.pack.rehearsal import rehearse
from lossbench.pack.where import gpu_memory, shared_in_turns, suited, told
from lossbench.pack.work import Work
from lossbench.trees import leaves

log = logging.getLogger(__name__)

# Members in turn gain nothing from company, so their packs are small: work spreads evenly over processes,
# and a process that dies takes few with it.
_TURNS_AT_MOST = 4
_STACK_AT_LEAST = 16
# Seconds that an update of a stack takes beside its members (measured: of 24 small ones, .8 of 1.0 s). Where
# fewer members take as long, as 3 MLPs of 256 on digits do, fewer are worth a process of their own.
_BESIDE_MEMBERS = 2.5e-3
# Bytes of a seed's inputs from which a process does better to hold few seeds than few losses.
_MUCH = 8_000_000
# Seconds of training from which starting processes pays: each has torch and Lightning to import.
_WORTH_PROCESSES = 4.0


def plan(
    jobs: Sequence[Job], engine: Engine | int, max_members: int, checkpoints: Checkpoints | None = None
) -> Plan:
    """Group runs into packs, and choose how each trains.

    A member's numbers do not depend on its company, so packs are cut to fit the machine.

    Args:
        engine: where they train, or as many processes of this machine.
        max_members: runs in one pack at most; fewer where a stack of them would not fit the memory.
        checkpoints: packs that an interrupted sweep has left there are formed again as they were.

    Raises:
        InputError: the data of a pack cannot be loaded, a loss and its data do not fit (see `rehearsal`), or
            a run asks for an accelerator that is not there.
    """
    engine = Local(engine) if isinstance(engine, int) else engine
    accelerators = dict.fromkeys(job.member.trainer.accelerator for job in jobs)
    engine = suited(engine, accelerators)
    if line := told(engine, accelerators):
        log.warning("%s", line)
    memory = gpu_memory(engine)
    cache = DataCache()
    kinds = [kind for alike in may_share(jobs) for kind in _kinds(alike, cache, memory)]
    for name, paths in {job.member.source.name: job.member.source.metrics for job in jobs}.items():
        alike = [kind for kind in kinds if kind.jobs[0].member.source.name == name]
        check_measured(paths, [told for kind in alike for told in kind.predicts])
    for line in dict.fromkeys(kind.said for kind in kinds if kind.said):
        log.info("%s", line)
    engine = shared_in_turns(engine, {kind.mode for kind in kinds})
    worth = sum(kind.seconds for kind in kinds) > _WORTH_PROCESSES
    processes = engine.slots if worth or engine.elsewhere else 1
    underway = [work for work in getattr(engine, "underway", list)() if isinstance(work, Work)]
    packs: list[PlannedPack] = []
    for kind in kinds:
        gpu = on_gpu(kind.jobs[0].member, memory)
        going, rest = _going_on(kind, underway)
        begun, rest = checkpoints.begun(rest, kind.mode, gpu) if checkpoints else ([], rest)
        for part in [*going, *begun, *_parts(replace(kind, jobs=rest), processes, max_members, memory)]:
            checkpoint = checkpoints.for_jobs(part, kind.mode, gpu) if checkpoints else None
            remarks = tuple(kind.remarks.get(job.key) for job in part)
            said = (kind.mode, kind.because, kind.description)
            packs.append(PlannedPack(len(packs), tuple(part), *said, checkpoint, remarks))
    return Plan(packs, cache, engine, processes)


@dataclass(frozen=True)
class _Kind:
    jobs: list[Job]
    mode: str
    because: str
    description: Description
    weights: int  # of one member
    kept: int  # bytes that one member keeps for backward, at most
    seconds: float  # roughly, on one core
    remarks: Mapping[str, str]  # by the keys of jobs
    predicts: Sequence[frozenset[str] | None] = ()  # of `Rehearsal`, by loss
    by_seed: bool = False  # packs are cut such that each has few seeds
    said: str | None = None  # of its model


def _kinds(alike: list[Job], cache: DataCache, gpu_memory: int) -> list[_Kind]:
    """Jobs that may share a pack; those that train in turns for their loss are apart."""
    first = alike[0].member
    keys = [_part(job) for job in alike]
    distinct = {key: alike[keys.index(key)] for key in dict.fromkeys(keys)}
    with left_alone():
        data = cache.sample(
            first.source, first.seed, first.reads, first.trainer.batch_size, first.model.preparing
        )
        module = build_modules([first], data.description.inputs)[0]
        obstacle = cannot_stack(first, module, data) if alike[0].mode != "loop" else None
        rehearsals = {
            key: rehearse(job.member, module, data, job.config["experiment"]) for key, job in distinct.items()
        }
        kept = {key: kept_for_backward(job.member, module, data) for key, job in distinct.items()}
    for rehearsal in rehearsals.values():
        if rehearsal.remark:
            log.warning("%s.", rehearsal.remark)
    remarks = {job.key: r for key, job in zip(keys, alike, strict=True) if (r := rehearsals[key].remark)}
    gpu = on_gpu(first, gpu_memory)
    chosen = {
        key: choose_mode(module, kept[key], alike[0].mode, obstacle or rehearsals[key].obstacle, gpu=gpu)
        for key in distinct
    }
    weights = sum(p.numel() for p in module.parameters())
    size = data.description.sizes.get("train", len(data.train))  # of which a stream shows a part
    updates = first.trainer.epochs * -(-size // first.trainer.batch_size)
    kinds = []
    for mode in ("vmap", "loop"):
        own = {key: why for key, (how, why) in chosen.items() if how == mode}
        jobs = [job for key, job in zip(keys, alike, strict=True) if key in own]
        if jobs:
            because, most = "; ".join(sorted(set(own.values()))), max(kept[key] for key in own)
            _say(jobs, mode, because)
            seconds = len(jobs) * updates * _seconds_per_update(weights, most, mode)
            said = first.model.remark(module)
            predicts = [rehearsals[key].predicts for key in own]
            sizes = (weights, most, seconds)
            told = (remarks, predicts, _much_is_read(first, data, cache))
            kinds.append(_Kind(jobs, mode, because, data.description, *sizes, *told, said))
    return kinds


def _much_is_read(first: Member, data: DataSet, cache: DataCache) -> bool:
    """Whether the inputs of a seed are large, or read again for each step, which members of a seed share.

    Where they are small, a pack of few losses is computed in fewer parts.
    """
    loaded = cache.load(first.source, first.seed, first.reads, first.model.preparing)
    return loaded is not data or sum(leaf.nbytes for leaf in leaves(data.inputs)) > _MUCH


def _going_on(kind: _Kind, underway: Sequence[Work]) -> tuple[list[list[Job]], list[Job]]:
    """Packs as they train already, for a parent that has died, and the jobs that are in none of them."""
    if not underway:
        return [], kind.jobs
    left = {job.key: job for job in kind.jobs if job.config["tracking"]["resume"]}
    packs = [
        [left.pop(key) for key in work.keys]
        for work in underway
        if work.mode == kind.mode and left.keys() >= set(work.keys)
    ]
    going = {job.key for pack in packs for job in pack}
    return packs, [job for job in kind.jobs if job.key not in going]


def _part(job: Job) -> tuple[Any, ...]:
    """Equal for jobs of which one rehearsal tells."""
    experiment = job.config["experiment"]
    return (*loss_kind(job.member), experiment.get("select"), experiment.get("judge"))


def _say(jobs: Sequence[Job], mode: str, because: str) -> None:
    if mode == "loop" and jobs[0].mode == "vmap":
        log.warning("pack.mode=vmap falls back to loop for %s: %s", jobs[0].name, because)
    elif len(jobs) > 1:
        how = "stacked (vmap)" if mode == "vmap" else "in turns (loop)"
        log.info("%d runs train %s: %s", len(jobs), how, because)


def _seconds_per_update(weights: int, kept: int, mode: str) -> float:
    # Measured on one core: a stacked member with 5,000 weights takes 0.1 ms, one with 650,000, nearly all
    # in a table of words, 2 ms; one in turns 2 ms; and each MB kept for backward takes 1 to 3 ms more.
    return (2e-3 if mode == "loop" else 1e-4 * (weights / 5000) ** 0.6) + 1.5e-9 * kept


def _parts(kind: _Kind, processes: int, max_members: int, gpu_memory: int) -> list[list[Job]]:
    if not kind.jobs:
        return []
    if kind.by_seed:
        kind = replace(kind, jobs=sorted(kind.jobs, key=lambda job: job.member.seed))
    if kind.mode == "loop":
        return even_parts(kind.jobs, min(max_members, _TURNS_AT_MOST), 2 * processes)
    at_most = min(max_members, widest_stack(kind.jobs[0].member, kind.weights, kind.kept, gpu_memory))
    # Cut finer, a stack loses what it is for.
    alike = math.ceil(_BESIDE_MEMBERS / _seconds_per_update(kind.weights, kind.kept, kind.mode))
    at_least = min(_STACK_AT_LEAST, alike)
    return even_parts(kind.jobs, at_most, max(1, min(processes, len(kind.jobs) // at_least)))
