"""What a command would do: its columns, splits and packs, and how long it would train."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from lossbench.counting import counted
from lossbench.engines.events import Engine
from lossbench.engines.local import Local
from lossbench.errors import InputError
from lossbench.job import Job, jobs_from

if TYPE_CHECKING:
    from lossbench.pack.planned import Plan, PlannedPack

TRAINER = "lossbench.cli.dry_run.show"  # what a launcher calls in place of `train_many`
_TOGETHER = ("pack", "local", "ray", "slurm")  # launchers that train packs
_QUIET = (
    "lossbench.data.columns",
    "lossbench.data.own_file",
    "lossbench.data.images",
    "lossbench.pack.plan",
)  # what they log is said here, and in full


class Shown(Exception):  # noqa: N818 - it is no error
    """All has been shown: nothing that follows in a run or a sweep is wanted."""


@contextmanager
def instead(line: Sequence[str]) -> Iterator[list[str]]:
    """A command line, overrides first, by which Hydra hands its jobs to `show`, its folders not staying."""
    from hydra._internal.utils import get_args_parser

    overrides = get_args_parser().parse_args(list(line)).overrides
    for override in overrides:
        if override.startswith("hydra/launcher=") and override.partition("=")[2] not in _TOGETHER:
            raise InputError(f"--dry-run shows how hydra/launcher=pack trains; leave {override} out.")
    with tempfile.TemporaryDirectory(prefix="lossbench-") as folder:
        quoted = f'"{folder}"'
        yield [
            *overrides,
            f"hydra.launcher.trainer={TRAINER}",
            "hydra.job.chdir=false",
            f"hydra.run.dir={quoted}",
            f"hydra.sweep.dir={quoted}",
            *line[len(overrides) :],
        ]


def show(
    configs: Sequence[DictConfig],
    *,
    n_jobs: int = 0,
    max_members: int = 128,
    last: bool = True,
    engine: Engine | None = None,
) -> None:
    """Print what `train_many` would do with the same arguments, or refuse; raises `Shown` at the end.

    Of a sweep with halving, which comes in rounds, the first is shown, for validation decides on the others.
    """
    with _quiet():
        _show(configs, engine or Local(n_jobs), max_members)
    if not last:
        print("This is the first round of halving=true: the better half of the trials goes on to more seeds.")
    raise Shown


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _QUIET]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _show(configs: Sequence[DictConfig], engine: Engine, max_members: int) -> None:
    from lossbench.claims.parsing import check_experiments  # here: no run waits for it

    jobs = jobs_from(configs)
    check_experiments((job.config["experiment"], job.member.source) for job in jobs)
    wanted = {job.key: job for job in jobs}
    finished = _finished(jobs, wanted)
    missing = [job for key, job in wanted.items() if key not in finished]
    print("Dry run: nothing is recorded or kept.")
    told: dict[str, None] = {}
    for job in wanted.values():
        told |= dict.fromkeys(["\n".join(job.member.source.account())])
    print("\n".join(filter(None, told)), end="\n" if any(told) else "")
    if missing:
        from lossbench.pack.plan import plan
        from lossbench.teachers.beforehand import without_teachers

        missing, teachers = without_teachers(missing)
        planned = plan(missing, engine, max_members)
        print("\n".join(_splits(planned)))
        if teachers:
            print(f"{counted(teachers, 'teacher')} would train first, which is in none of the times below")
        print("\n".join(_packs(planned, missing, len(wanted), len(finished))))
    else:
        print(f"{counted(len(wanted), 'run')}, all finished: nothing to train")


def _finished(jobs: Sequence[Job], wanted: dict[str, Job]) -> set[str]:
    """Keys of what is recorded already; a store that is not there is not made."""
    from lossbench.tracking import Store, resolve_uri
    from lossbench.tracking.address import check_reachable
    from lossbench.train import finished_runs, tracking_uri

    store = Store(resolve_uri(tracking_uri(jobs)))
    check_reachable(store.address)
    return set(finished_runs(store, wanted)) if store.exists() else set()


def _splits(planned: Plan) -> list[str]:
    """A line for each data set, as it is shown to a kind of model, with the sizes of its parts."""
    found: dict[str, list[dict[str, int]]] = {}
    for pack in planned.packs:
        data = pack.description
        offered = ", ".join(target.words for target in data.targets)
        head = f"data={data.name}: inputs {data.inputs.words}, targets {offered}"
        found.setdefault(head, []).append(data.sizes)
    lines = []
    for head, sizes in found.items():
        ranges = [sorted({size[part] for size in sizes}) for part in ("train", "val", "test")]
        told = [f"{low[0]} to {low[-1]}" if len(low) > 1 else str(low[0]) for low in ranges]
        lines.append(f"{head}; {told[0]} rows to train, {told[1]} to validate, {told[2]} to test")
    return lines


def _packs(planned: Plan, missing: Sequence[Job], wanted: int, finished: int) -> list[str]:
    """How the runs share packs, and the time that these will take."""
    from lossbench.pack.timing import estimate

    begun = time.perf_counter()
    times = estimate(planned)
    timing = time.perf_counter() - begun
    kinds: dict[tuple[object, ...], list[PlannedPack]] = {}
    for pack in planned.packs:
        config = pack.jobs[0].config
        what = f"data={config['data'].get('name')} model={config['model'].get('name')}"
        kinds.setdefault((pack.mode, pack.because, what, pack.epochs), []).append(pack)
    done = f", {finished} of {wanted} are finished" if finished else ""
    lines = [f"{counted(len(missing), 'run')} in {counted(len(planned.packs), 'pack')}{done}"]
    for (mode, because, trained, epochs), packs in kinds.items():
        runs = sum(len(pack.jobs) for pack in packs)
        how = "stacked" if mode == "vmap" else "in turns"
        seconds = sum(times.of_pack[pack.number] for pack in packs)
        lines.append(
            f"  {trained}: {counted(runs, 'run')}, {counted(len(packs), 'pack')} {how} ({because}), "
            f"{epochs} epochs, about {duration(seconds)}"
        )
    where = counted(planned.processes, "process")
    of = "" if times.timed == times.kinds else f", {times.timed} of {times.kinds} kinds"
    stops = any(job.member.trainer.patience for job in missing)
    total = f"{duration(times.seconds)}{' at most' if stops else ''}"
    return [
        *lines,
        f"training in {where}: about {total}, and some seconds to start and record",
        f"  (estimated in {duration(timing)} from a few updates of one pack of each kind{of})",
    ]


def duration(seconds: float) -> str:
    """Two digits at most: 0.8 s, 12 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.1g} s" if seconds < 1 else f"{seconds:.2g} s"
    return f"{seconds / 60:.2g} min" if seconds < 90 * 60 else f"{seconds / 3600:.2g} h"
