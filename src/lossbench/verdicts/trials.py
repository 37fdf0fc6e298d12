"""The trials of a condition by seed, the one rule by which validation chooses among them, and its repetition.

A claim compares means of conditions, each at the trial that validation chose. The paired interval takes that
choice as given. Other seeds might have chosen another trial, and where trials differ in the metric of the
claim that is most of the uncertainty: the bootstrap here draws seeds anew, with replacement, and on each draw
chooses again before it takes the difference (Efron and Tibshirani 1993, chapter 6: the whole procedure is
repeated, not its last step).

A draw alone flatters. Where validation and test of a run share their luck, the trial that a draw chooses was
lucky on that draw, and the more trials compete closely, the luckier: a loss with many good rates gains, one
with a single good rate cannot. The seeds that a draw left out had no part in its choice, and what its trial
gives on these is free of that luck (bootstrap bias corrected cross-validation: Tsamardinos, Greasidou and
Borboudakis, Machine Learning 2018). So the draws are centred there; their spread stays. In the calibration's
world of such luck that takes false verdicts from 7 to 10% to 2 to 4%.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from lossbench.seeds import numpy_generator
from lossbench.verdicts.statistics import LEVEL, Floats

RESAMPLES = 4000
FEW = 2  # times as many seeds as a trial has may another have, for it to compete


def competing(known: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """Which trials of a condition compete, on which seeds, and how many of their runs are missing.

    Trials are compared on the seeds that all of them have. A run that was killed, failed or never made says
    nothing about its trial; only one that diverged does. A trial with results on less than half of the seeds
    that another has does not compete: it would leave few seeds to compare all the others on.

    Args:
        known: (T, S), whether a trial came to a result on a seed.

    Returns:
        (T,), (S,), and the number of runs without a result on a seed on which another trial has one.
    """
    results = known.sum(axis=1)
    trials: NDArray[np.bool_] = FEW * results >= results.max(initial=0)
    there = known[trials]
    seeds: NDArray[np.bool_] = np.asarray(there.all(axis=0))
    return trials, seeds, int((~there[:, known.any(axis=0)]).sum())


def best_first(lost: ArrayLike, score: ArrayLike, *, higher: bool) -> NDArray[np.intp]:
    """The order in which validation prefers trials, whatever is tried: the first one is chosen.

    A trial that diverged on more of the seeds than another comes behind it, whatever its mean: what it would
    have reached there is unknown. Of equal ones the first comes first.

    Args:
        lost: (..., T), on how many of the seeds each diverged.
        score: (..., T), its mean over the others, nan without any.
        higher: whether more of it is better.
    """
    worse = np.multiply(score, -1.0 if higher else 1.0)
    return np.asarray(np.lexsort(np.stack([worse, np.asarray(lost, np.float64)])), dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Trials:
    """One condition: the T trials that compete by the S seeds that all of them have.

    validation: (T, S) of the metric that chooses; NaN where the run diverged.
    test: (T, S) of the claim's metric; NaN where the run diverged.
    higher: whether more of the metric that chooses is better.
    seeds: (S,) which ones, ascending.
    missing: how many runs of these trials have no result on a seed on which another has one.
    """

    validation: Floats
    test: Floats
    higher: bool
    seeds: tuple[int, ...] = ()
    missing: int = 0

    def __post_init__(self) -> None:
        if self.validation.shape != self.test.shape or self.validation.ndim != 2:
            raise ValueError(f"validation {self.validation.shape} and test {self.test.shape} must be (T, S)")

    @property
    def several(self) -> bool:
        """Whether there was a choice."""
        return len(self.validation) > 1

    def on(self, seeds: Sequence[int]) -> Trials:
        """The same on some of the seeds."""
        key = tuple(seeds)
        if key not in self._parts:
            own = np.isin(self.seeds, key)
            self._parts[key] = Trials(self.validation[:, own], self.test[:, own], self.higher, key)
        return self._parts[key]

    @cached_property
    def _parts(self) -> dict[tuple[int, ...], Trials]:
        return {}

    def choose(self, weights: Floats) -> NDArray[np.intp]:
        """The trial that validation prefers, for each weighting of the seeds.

        Args:
            weights: (B, S), how often each seed counts.

        Returns:
            (B,), from 0 to T-1.
        """
        lost, mean = _weighted(self.validation, weights)
        return best_first(lost, mean, higher=self.higher)[:, 0]

    @cached_property
    def chosen(self) -> int:
        """The trial that validation prefers on all seeds."""
        return int(self.choose(np.ones((1, self.test.shape[1])))[0])

    def tested(self, weights: Floats) -> Floats:
        """(B,) mean test of the trial that each weighting chooses; NaN where it diverged on a seed of it."""
        return self._mean(self.choose(weights), weights)

    @cached_property
    def drawn(self) -> Floats:
        """(B,) the same on seeds drawn anew, centred on what seeds give that were not drawn.

        NaN where the trial that a draw chose diverged on a seed of it. Where one trial was tried, or no draw
        left a seed out, there is no luck of a choice to take away.
        """
        weights = drawn_weights(self.test.shape[1])
        chosen = self.choose(weights)
        tested = self._mean(chosen, weights)
        luck = tested - self._mean(chosen, left_out(self.test.shape[1]))
        known = luck[np.isfinite(luck)]
        return tested - known.mean() if len(self.test) > 1 and len(known) else tested

    def _mean(self, trials: NDArray[np.intp], weights: Floats) -> Floats:
        """(B,) mean test of these trials; NaN without a seed that counts, or where it diverged on one."""
        lost, mean = _weighted(self.test, weights)
        known = np.where(lost > 0, np.nan, mean)
        return np.asarray(np.take_along_axis(known, trials[:, None], axis=1)[:, 0])


Part = tuple[float, Trials]
"""A condition with its factor in a difference."""


def _weighted(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Of values (T, S), for each weighting (B, S): how many are lost, and the mean of the others, (B, T)."""
    known = np.isfinite(values)
    total = weights @ np.where(known, values, 0.0).T
    if known.all():  # as most are: then these need no product
        lost, counted = np.zeros_like(total), weights.sum(axis=1, keepdims=True)
    else:
        lost, counted = (weights @ which.T.astype(float) for which in (~known, known))
    return lost, np.where(counted > 0, total / np.where(counted > 0, counted, 1.0), np.nan)


def repeated(parts: Sequence[Part], differences: Floats) -> tuple[float, float] | None:
    """The interval of a difference between conditions with the choice of their trials repeated.

    Args:
        parts: the conditions, each with its factor in the difference.
        differences: of each seed, at the chosen trials.

    Returns:
        low and high of `expanded`; None where there was no choice, where runs diverged, or where no seed is
        shared by all trials.
    """
    if not any(trials.several for _, trials in parts) or not np.isfinite(differences).all():
        return None
    seeds = sorted(set.intersection(*(set(trials.seeds) for _, trials in parts)))
    if not seeds:
        return None
    drawn = [factor * trials.on(seeds).drawn for factor, trials in parts]
    return expanded(np.sum(drawn, axis=0), len(seeds))


@lru_cache(maxsize=16)
def drawn_weights(seeds: int) -> Floats:
    """(RESAMPLES, seeds): how often each seed is drawn, the same each time, for all that is compared."""
    generator = numpy_generator(0, "choice repeated")
    weights = generator.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=RESAMPLES).astype(float)
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=16)
def left_out(seeds: int) -> Floats:
    """(RESAMPLES, seeds): 1 where `drawn_weights` has not drawn a seed."""
    weights: Floats = (drawn_weights(seeds) == 0).astype(float)
    weights.setflags(write=False)
    return weights


def expanded(drawn: Floats, seeds: int) -> tuple[float, float]:
    """The expanded percentile interval of a bootstrap over seeds.

    At n seeds the bootstrap of a mean is too narrow by sqrt((n - 1) / n) and by what the t distribution
    exceeds the normal one (Hesterberg, The American Statistician 2015).

    Args:
        drawn: (B,) results; nan where a draw holds a run that diverged.
        seeds: how many there are.

    Returns:
        low and high; infinite with fewer than two seeds, or where less than half of the draws have a result.
    """
    known = drawn[np.isfinite(drawn)]
    if seeds < 2 or len(known) < len(drawn) / 2:
        return -np.inf, np.inf
    tail = special.ndtr(np.sqrt(seeds / (seeds - 1)) * special.stdtrit(seeds - 1, (1 - LEVEL) / 2))
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
