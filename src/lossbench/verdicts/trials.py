"""The trials of a condition by seed, the choice among them, and an interval that repeats the choice.

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

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lossbench.seeds import numpy_generator
from lossbench.verdicts.sign_flips import Floats

RESAMPLES = 4000
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Trials:
    """One condition: T trials by S seeds, which all of its trials have and in one order for all conditions.

    validation: (T, S) of the metric that chooses; NaN where the run diverged.
    test: (T, S) of the claim's metric; NaN where the run diverged.
    higher: whether more of the metric that chooses is better.
    """

    validation: Floats
    test: Floats
    higher: bool

    def __post_init__(self) -> None:
        if self.validation.shape != self.test.shape or self.validation.ndim != 2:
            raise ValueError(f"validation {self.validation.shape} and test {self.test.shape} must be (T, S)")

    def choose(self, weights: Floats) -> NDArray[np.intp]:
        """The trial with the best mean validation, for each weighting of the seeds.

        A trial that diverged on more of the seeds than another comes behind it, whatever its mean: what it
        would have reached there is unknown. Of equal ones the first is taken.

        Args:
            weights: (B, S), how often each seed counts.

        Returns:
            (B,), from 0 to T-1.
        """
        known = np.isfinite(self.validation)
        lost = weights @ (~known).T.astype(float)
        counted = weights @ known.T.astype(float)
        total = weights @ np.where(known, self.validation, 0.0).T
        with np.errstate(invalid="ignore"):  # a trial that diverged on every seed that counts has no mean
            mean = np.where(counted > 0, total / np.where(counted > 0, counted, 1.0), np.nan)
        score = mean if self.higher else -mean
        fewest = lost <= lost.min(axis=1, keepdims=True)
        chosen: NDArray[np.intp] = np.where(fewest & np.isfinite(score), score, -np.inf).argmax(axis=1)
        return chosen

    def tested(self, weights: Floats) -> Floats:
        """(B,) mean test of the trial that each weighting chooses; NaN where it diverged on a seed of it."""
        return self._mean(self.choose(weights), weights)

    def drawn(self) -> Floats:
        """(B,) the same on seeds drawn anew, centred on what seeds give that were not drawn.

        NaN where the trial that a draw chose diverged on a seed of it. Where one trial was tried, or no draw
        left a seed out, there is no luck of a choice to take away.
        """
        weights = drawn_weights(self.test.shape[1])
        chosen = self.choose(weights)
        tested = self._mean(chosen, weights)
        luck = tested - self._mean(chosen, (weights == 0).astype(float))
        known = luck[np.isfinite(luck)]
        return tested - known.mean() if len(self.test) > 1 and len(known) else tested

    def _mean(self, trials: NDArray[np.intp], weights: Floats) -> Floats:
        """(B,) mean test of these trials; NaN without a seed that counts, or where it diverged on one."""
        known = np.isfinite(self.test)
        total = weights @ np.where(known, self.test, 0.0).T
        lost = weights @ (~known).T.astype(float)
        counted = weights.sum(axis=1, keepdims=True)
        mean = np.where((lost > 0) | (counted == 0), np.nan, total / np.where(counted > 0, counted, 1.0))
        return np.asarray(np.take_along_axis(mean, trials[:, None], axis=1)[:, 0])


@dataclass(frozen=True)
class Contrast:
    """What a claim compares: a sum of conditions, each times a number (left minus right, or changes)."""

    parts: tuple[tuple[float, Trials], ...]

    def estimate(self) -> float:
        """The difference with each trial chosen on all seeds."""
        everyone = np.ones((1, self.seeds))
        return float(sum(factor * trials.tested(everyone)[0] for factor, trials in self.parts))

    @property
    def seeds(self) -> int:
        """How many seeds all conditions share."""
        return int(self.parts[0][1].test.shape[1])

    def drawn(self) -> Floats:
        """(B,) differences on seeds drawn anew, with each trial chosen on these; of `Trials.drawn`."""
        values: Floats = np.sum([factor * trials.drawn() for factor, trials in self.parts], axis=0)
        return values


@lru_cache(maxsize=16)
def drawn_weights(seeds: int) -> Floats:
    """(RESAMPLES, seeds): how often each seed is drawn, the same each time, for all that is compared."""
    generator = numpy_generator(0, "choice repeated")
    weights = generator.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=RESAMPLES).astype(float)
    weights.setflags(write=False)
    return weights


def interval_with_choice(contrast: Contrast) -> tuple[float, float]:
    """The interval of a difference that includes the choice of the trials; of at least two seeds."""
    return expanded(contrast.drawn(), contrast.seeds)


def expanded(drawn: Floats, seeds: int, level: float = LEVEL) -> tuple[float, float]:
    """The expanded percentile interval of a bootstrap over seeds.

    At n seeds the bootstrap of a mean is too narrow by sqrt((n - 1) / n) and by what the t distribution
    exceeds the normal one (Hesterberg, The American Statistician 2015).

    Args:
        drawn: (B,) results; nan where a draw holds a run that diverged.
        seeds: how many there are.

    Returns:
        low and high; infinite with fewer than two seeds, or where less than half of the draws have a result.
    """
    from scipy import stats

    known = drawn[np.isfinite(drawn)]
    if seeds < 2 or len(known) < len(drawn) / 2:
        return -np.inf, np.inf
    tail = stats.norm.sf(np.sqrt(seeds / (seeds - 1)) * stats.t.isf((1 - level) / 2, seeds - 1))
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
