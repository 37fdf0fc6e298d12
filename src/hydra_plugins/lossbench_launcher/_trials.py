"""The jobs of a sweep whose config asks for trials: each becomes as many as there are settings to try."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hydra_plugins.lossbench_launcher._halving import Place
from hydra_plugins.lossbench_launcher._held import Held, Planned
from lossbench.config.folders import RATE
from lossbench.config.searched import untuned
from lossbench.config.trials import check_tune, key_of, lines, trials_of
from lossbench.errors import InputError

log = logging.getLogger(__name__)


def in_trials(jobs: Sequence[Sequence[str]], typed: Sequence[str], held: Held) -> list[Planned]:
    """Each job, or each of its trials.

    Learning rates that the YAML of an experiment sweeps over give way to the trials; those that a person
    typed contradict them. With `trials=null,16` a job without trials stays as it is, beside the others.

    Args:
        jobs: overrides of each, as a sweeper gives them.
        typed: overrides of the command line.
        held: gives the config of a job.

    Raises:
        InputError: as `config.trials` says, or learning rates were typed, or jobs ask for other numbers.
    """
    composed = [Planned(list(job), held) for job in jobs]
    asking = [count for job in composed if (count := job.config.get("trials")) is not None]
    if not asking:
        return composed
    if len(numbers := list(dict.fromkeys(asking))) > 1:
        raise InputError(
            f"trials is one number for all losses of a sweep; got {' and '.join(map(str, numbers))}."
        )
    for override in typed if len(asking) == len(composed) else ():
        if key_of(override) == RATE:
            raise InputError(
                f"trials={numbers[0]} searches the learning rate: leave {override} out, or say "
                "trials=null and sweep over a grid."
            )
    check_tune([job.config for job in composed])
    by_loss = {str(job.config.loss.get("name")): job.config for job in composed}
    for name, config in by_loss.items():
        if knobs := untuned(config):
            log.warning("Not tuned, for no range to search is declared: %s (%s)", name, ", ".join(knobs))
    found: dict[tuple[str, ...], Planned] = {}
    for job in composed:
        if job.config.get("trials") is None:
            if job.config.get("halving"):  # it has nothing to drop, and is none of the others' trials
                line = [*(own for own in job.overrides if key_of(own) != "halving"), "halving=false"]
                job = Planned(line, held)
            found.setdefault(tuple(job.overrides), job)
            continue
        for line, place in _trials(job):
            if tuple(line) not in found:  # jobs that differ in the learning rate alone have the same trials
                found[tuple(line)] = Planned(line, held, place)
    return list(found.values())


def halved(planned: Sequence[Planned]) -> bool:
    """Whether trials are dropped on the way, which the configs of trials do not say any more."""
    return any(job.place is not None and job.place.halved for job in planned)


def numbered_from(first: int, jobs: int, asked: int) -> int:
    """The number of the first of a batch of jobs, where the jobs before it may have become more, too."""
    return first * -(-jobs // asked)


def _trials(job: Planned) -> list[tuple[list[str], Place]]:
    """The overrides of each trial of a job that asks for trials, and which one it is."""
    pinned = {key for line in job.overrides if "." in (key := key_of(line))}
    trials = trials_of(job.config, pinned)
    assert trials is not None
    condition = tuple(line for line in job.overrides if key_of(line) not in ("seed", RATE))
    seed, halving = str(job.config.get("seed")), bool(job.config.get("halving"))
    return [
        (line, Place(condition, trial, seed, halving))
        for trial, line in enumerate(lines(trials, job.overrides, halved=halving))
    ]
