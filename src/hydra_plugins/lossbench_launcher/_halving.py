"""Successive halving: all trials on a few seeds, the better half of them on more, and the last on all.

After Jamieson and Talwalkar (AISTATS 2016), with seeds for the budget. In each round a trial is kept or
dropped as a whole, by its mean on validation over the seeds that it has so far; every condition drops as
many, and a trial that is kept gets every seed. Rounds end before half of the seeds are there: so a report, in
which a trial competes that has half of the seeds of another, chooses among those that were kept, on all.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lossbench.counting import counted
from lossbench.errors import InputError

log = logging.getLogger(__name__)

FEWEST = 4  # trials that are kept to the end, where there were as many
LEAST_SEEDS = 3

Merit = Callable[[int], float | None]
"""Of a job that has ended: how good it was on validation, more being better; None where it has no result."""


@dataclass(frozen=True)
class Place:
    """Which run a job is: of a condition (what it sets besides its seed), a trial of it, and a seed."""

    condition: tuple[str, ...]
    trial: int
    seed: str
    halved: bool = False  # whether its trial may be dropped


def rounds(places: Sequence[Place], merit: Merit) -> Iterator[list[int]]:
    """The jobs to train, round by round, by their place; after each the next asks how they ended.

    Raises:
        InputError: there are too few seeds to drop anything by some and judge by others.
    """
    found: dict[tuple[str, ...], dict[int, dict[str, int]]] = {}
    for number, place in enumerate(places):
        found.setdefault(place.condition, {}).setdefault(place.trial, {})[place.seed] = number
    jobs: dict[tuple[str, ...], Mapping[int, Mapping[str, int]]] = {**found}
    seeds = list(dict.fromkeys(place.seed for place in places))
    if len(seeds) < LEAST_SEEDS:
        raise InputError(
            f"halving=true drops trials before half of the seeds are there, so it takes {LEAST_SEEDS} seeds; "
            f"got {len(seeds)}: add seeds, or leave halving out."
        )
    count, done = max(map(len, jobs.values())), 0
    if count <= FEWEST:
        log.warning(
            "halving=true drops nothing of %s, for it keeps %d: ask for more trials.",
            counted(count, "trial"),
            FEWEST,
        )
    for upto in [*_ends(count, len(seeds)), len(seeds)]:
        new, seen = seeds[done:upto], seeds[:upto]
        yield [
            own[seed] for trials in jobs.values() for own in trials.values() for seed in new if seed in own
        ]
        if upto == len(seeds):
            return
        count, done = max(FEWEST, -(-count // 2)), upto
        jobs = {condition: _better(trials, seen, count, merit) for condition, trials in jobs.items()}


def _ends(trials: int, seeds: int) -> list[int]:
    """After how many seeds half of the trials are dropped, each time."""
    drops = max(0, math.ceil(math.log2(trials / FEWEST)))
    most = (seeds - 1) // 2
    return [max(1, -(-most * drop // drops)) for drop in range(1, drops + 1)]


def _better(
    trials: Mapping[int, Mapping[str, int]], seeds: Sequence[str], count: int, merit: Merit
) -> dict[int, Mapping[str, int]]:
    """So many trials, the best by the rule by which a report chooses one."""
    import numpy as np

    from lossbench.verdicts.trials import best_first, competing

    reached = [[merit(own[seed]) if seed in own else None for seed in seeds] for own in trials.values()]
    merits = np.array(reached, dtype=float)  # None becomes nan
    competes, shared, _ = competing(~np.isnan(merits))
    there = merits[:, shared]
    finite = np.isfinite(there)
    lost = np.where(competes, (~finite).sum(axis=1), np.inf)
    mean = np.where(finite, there, 0.0).sum(axis=1) / np.maximum(1, finite.sum(axis=1))
    best = best_first(lost, mean, higher=True)[:count]
    return {trial: own for place, (trial, own) in enumerate(trials.items()) if place in best}
