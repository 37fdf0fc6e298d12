"""Worlds whose truth is known: what losses do in them, and what is claimed.

Noise of one run has a standard deviation of 1. What a seed does to all runs alike (a hard split) is as large,
and cancels in paired differences. Rates lie from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lossbench.calibration.procedure import Claims, Runs
from lossbench.verdicts.statistics import Floats, Kind

RATES = 8
TRIALS = 16
PLACES = np.linspace(-1, 1, RATES)
SEEDS = (3, 6, 10, 20, 30)
FEW = (6, 10, 20)
SOME = (6, 10, 20, 30)
PAIR: Claims = ((0, 1),)
BASELINE: Claims = ((1, 0), (2, 0), (3, 0))
ALL_PAIRS: Claims = tuple((one, other) for one in range(5) for other in range(one + 1, 5))
MARGIN = 2.0  # of `as good as`, in standard deviations of the paired differences
DIFFERENCE = float(np.sqrt(2))  # standard deviation of a paired difference
CATASTROPHE, OFTEN = 60.0, 0.05  # how deep, and on which share of the runs

Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape], Floats]
Make = Callable[[np.random.Generator, Shape], Runs]
"""From a generator and (experiments, losses, rates, seeds)."""

# Results of one loss over seeds, with a standard deviation of 1.
NOISE: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "skewed": lambda rng, shape: rng.lognormal(size=shape) / float(stats.lognorm(1.0).std()),
    "heavy-tailed": lambda rng, shape: rng.standard_t(3, size=shape) / float(stats.t(3).std()),
}


@dataclass(frozen=True)
class World:
    """One world.

    part: the table of the page in which it stands
    name: in words
    make: its runs
    seeds: numbers of seeds that are tried
    claims: pairs of losses
    rates: that each loss tries
    kind: of the claims, with `MARGIN` where it has one
    truth: the difference of the first claim, in standard deviations of the paired differences; others are 0
    """

    part: str
    name: str
    make: Make
    seeds: tuple[int, ...] = SEEDS
    claims: Claims = PAIR
    rates: int = RATES
    kind: Kind = "better"
    truth: float = 0.0

    def runs(self, rng: np.random.Generator, experiments: int, seeds: int) -> Runs:
        """So many experiments."""
        losses = 1 + max(max(pair) for pair in self.claims)
        return self.make(rng, (experiments, losses, self.rates, seeds))


def drawn(
    rng: np.random.Generator,
    shape: Shape,
    correlation: float = 0.6,
    noise: str = "normal",
) -> tuple[Floats, Floats]:
    """Noise of validation and of test, each (E, L, T, S), that correlate over the rates and seeds of a loss.

    What the seed does to all runs alike stands in the validation alone: it cancels in differences of test.
    """
    test = NOISE[noise](rng, shape)
    own = rng.normal(size=shape)
    seed = rng.normal(size=(shape[0], 1, 1, shape[3]))
    return correlation * test + np.sqrt(1 - correlation**2) * own + seed, test


def choice(correlation: float, validation: Floats, test: Floats | None = None, **more: str) -> Make:
    """Losses (L, or 1 for all) by rates (T) whose means are these, on validation and, if given, on test."""

    def make(rng: np.random.Generator, shape: Shape) -> Runs:
        on_validation, on_test = drawn(rng, shape, correlation, **more)
        means = np.atleast_2d(validation)[None, :, :, None]
        other = means if test is None else np.atleast_2d(test)[None, :, :, None]
        return Runs(on_validation + means, on_test + other)

    return make


def alone(noise: str) -> Make:
    """One rate, so that nothing is chosen."""
    return choice(0.6, np.zeros(1), noise=noise)


def moved(make: Make, by: float) -> Make:
    """The first loss is better by so many standard deviations of the paired differences."""

    def better(rng: np.random.Generator, shape: Shape) -> Runs:
        runs = make(rng, shape)
        shift = by * DIFFERENCE * (np.arange(shape[1]) == 0)[:, None, None]
        return Runs(runs.validation + shift, runs.test + shift, runs.known)

    return better


def rounded(make: Make) -> Make:
    """Results come in steps of one standard deviation, as accuracy does on few examples."""

    def coarse(rng: np.random.Generator, shape: Shape) -> Runs:
        runs = make(rng, shape)
        return Runs(np.round(runs.validation), np.round(runs.test))

    return coarse


def diverging(share: float) -> Make:
    """This share of the runs of both losses diverges."""

    def make(rng: np.random.Generator, shape: Shape) -> Runs:
        validation, test = drawn(rng, shape)
        lost = rng.random(shape) < share
        return Runs(np.where(lost, np.nan, validation), np.where(lost, np.nan, test))

    return make


def incomplete(share: float) -> Make:
    """Every second rate was tried on a third of the seeds alone, and this share of all runs is missing."""

    def make(rng: np.random.Generator, shape: Shape) -> Runs:
        validation, test = drawn(rng, shape)
        known = rng.random(shape) >= share
        known[:, :, ::2, shape[3] // 3 :] = False
        return Runs(validation, test, known)

    return make


def catastrophes(rng: np.random.Generator, shape: Shape) -> Runs:
    """The first loss ends badly once in a while, and is better by as much otherwise: the means are equal."""
    validation, test = drawn(rng, shape)
    fall = CATASTROPHE * ((rng.random(shape) < OFTEN) - OFTEN)
    fall[:, 1:] = 0.0
    return Runs(validation - fall, test - fall)


def exponential(rng: np.random.Generator, shape: Shape) -> Runs:
    """Equal means; the first loss has skewed results, which make all of the difference."""
    validation, test = drawn(rng, shape)
    skewed = rng.exponential(size=(*shape[:1], 1, *shape[2:])) - 1.0
    rest = np.zeros_like(test[:, 1:])
    return Runs(validation, np.concatenate([skewed, rest], axis=1))


def worlds() -> Iterator[World]:
    """All of them, in the order of the page."""
    flat, peak = np.zeros(RATES), -(PLACES**2)
    sharp = np.where(np.arange(RATES) == RATES // 2, 0.0, -4.0)
    for noise in NOISE:
        yield World("alone", noise, alone(noise), rates=1)
    for correlation in (0.3, 0.6, 0.9):
        told = f"correlation {correlation}"
        yield World("choice", f"equal rates, {told}", choice(correlation, flat))
        yield World("choice", f"a best rate, {told}", choice(correlation, peak))
        against = choice(correlation, np.stack([flat, sharp]))
        yield World("choice", f"equal rates against one good rate, {told}", against, (*SEEDS, 40))
    yield World("choice", "equal rates, correlation 0.6, more seeds", choice(0.6, flat), (40,))
    yield World("choice", "equal rates, heavy-tailed", choice(0.6, flat, noise="heavy-tailed"))
    yield from _tuned()
    for slope in (0.5, 1.0, 2.0):
        tilted = choice(0.6, flat, slope * PLACES)
        yield World("mismatch", f"slope {slope}", tilted, SOME)
    yield World("trouble", "results in coarse steps", rounded(choice(0.6, flat)))
    yield World("trouble", "a fifth of all runs diverges, 3 rates", diverging(0.2), rates=3)
    yield World("trouble", "a third diverges, no choice", diverging(1 / 3), rates=1)
    yield World("trouble", "half of the rates on a third of the seeds", incomplete(0.0))
    yield World("trouble", "one run in 50 is missing", incomplete(0.02), FEW)
    yield World("several", "three claims against one loss", choice(0.6, flat), FEW, BASELINE)
    yield World("several", "all pairs of five losses", choice(0.6, flat), FEW, ALL_PAIRS)
    yield from _different()
    yield World("limit", "skewed differences, no choice", exponential, rates=1)
    yield World("limit", "rare catastrophes, no choice", catastrophes, rates=1)
    yield World("limit", "rare catastrophes, 8 rates", catastrophes)


def _tuned() -> Iterator[World]:
    """Those in which each loss is chosen among as many trials as a fair search gives it."""
    flat = np.zeros(TRIALS)
    good = np.where(np.arange(TRIALS) == TRIALS // 2, 0.0, -4.0)
    peak = -(np.linspace(-1, 1, TRIALS) ** 2)
    for correlation in (0.3, 0.6, 0.9):
        told = f"correlation {correlation}"
        for name, means in (
            ("equal trials", flat),
            ("a best trial", peak),
            ("equal trials against one good trial", np.stack([flat, good])),
        ):
            yield World("trials", f"{name}, {told}", choice(correlation, means), SOME, rates=TRIALS)


def _different() -> Iterator[World]:
    """Those with a margin, and those in which the first loss is better."""
    flat, peak = np.zeros(RATES), -(PLACES**2)
    for noise in NOISE:
        for truth in (0.0, MARGIN):
            make = moved(alone(noise), truth)
            yield World("margin", noise, make, (10, 20), rates=1, kind="as_good_as", truth=truth)
    for truth in (1.0, 2.0):
        for name, make, rates in (
            ("no choice", alone("normal"), 1),
            ("equal rates", choice(0.6, flat), RATES),
            ("a best rate", choice(0.6, peak), RATES),
        ):
            yield World("planted", name, moved(make, truth), FEW, rates=rates, truth=truth)
        three = moved(choice(0.6, flat), truth)
        yield World("planted", "equal rates, three claims", three, FEW, ((0, 1), (2, 1), (3, 1)), truth=truth)
