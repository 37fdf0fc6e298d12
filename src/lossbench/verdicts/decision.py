"""What a person who must decide today can know: chances and costs, beside the verdicts, not instead of them.

A verdict asks whether a difference is real. Who trains tomorrow has to take one loss in any case and asks how
likely it is the best, and what it costs if it is not. One bootstrap over seeds, in which every loss chooses
its trial again, and which takes the luck of that choice away (`Trials.drawn`), answers both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lossbench.verdicts.conditions import LOSS
from lossbench.verdicts.family import Family
from lossbench.verdicts.pair import Tried
from lossbench.verdicts.pilot import FEWEST_FOR_SPREAD
from lossbench.verdicts.sign_flips import Floats
from lossbench.verdicts.trials import Trials


@dataclass(frozen=True)
class Chances:
    """Of one condition among its rivals.

    best: probability that it has the best mean over seeds drawn anew, 0 to 1; all of them add up to 1
    regret: expected loss against the best of each draw, in units of the metric, at least 0
    seeds_better: share of the seeds on which it is better than every rival, at the chosen trials, 0 to 1
    """

    best: float
    regret: float
    seeds_better: float


def chances(rivals: Mapping[str, Trials], higher: bool) -> dict[str, Chances]:
    """The chances of every condition; empty with fewer than two conditions or seeds.

    Args:
        rivals: by name, all of the same seeds in the same order, without runs that diverged.
        higher: whether more of the metric that judges is better.
    """
    if len(rivals) < 2 or next(iter(rivals.values())).test.shape[1] < 2:
        return {}
    sign = 1.0 if higher else -1.0
    drawn = sign * np.stack([trials.drawn for trials in rivals.values()], axis=1)  # (B, L)
    shortfall = drawn.max(axis=1, keepdims=True) - drawn
    ties = (shortfall == 0).astype(float)
    best = (ties / ties.sum(axis=1, keepdims=True)).mean(axis=0)
    seen = sign * np.stack([one.test[one.chosen] for one in rivals.values()])  # (L, S)
    found = {}
    for place, name in enumerate(rivals):
        ahead = seen[place] > np.delete(seen, place, axis=0).max(axis=0)
        found[name] = Chances(float(best[place]), float(shortfall[:, place].mean()), float(ahead.mean()))
    return found


@dataclass(frozen=True)
class Decision:
    """What is known for who must take one: chances by condition in words and name, and what pairing gained.

    gain: median over all pairs of how many times more seeds an unpaired comparison would need; None where no
        pair has five seeds without divergence
    """

    chances: Mapping[str, Mapping[str, Chances]]
    gain: float | None

    @staticmethod
    def of(tried: Tried, family: Family) -> Decision:
        """Of what competes, in the metric of a family. Who diverged on a seed has no chances told."""
        found = {}
        for where, part in tried.slices():
            names = map(str, part[LOSS].unique())
            trials = {name: tried.trials(where, name, family.metric) for name in names}
            seeds = sorted(set.intersection(*({*one.seeds} for one in trials.values())))
            rivals = {name: one.on(seeds) for name, one in trials.items() if seeds}
            known = {name: one for name, one in rivals.items() if np.isfinite(one.test[one.chosen]).all()}
            if told := chances(known, family.higher):
                found[where] = told
        gains = [
            pairing_gain([*pair.left], [*pair.right])
            for pair in family.pairs
            if len(pair.left) >= FEWEST_FOR_SPREAD and np.isfinite([*pair.left, *pair.right]).all()
        ]
        return Decision(found, float(np.median(gains)) if gains else None)


def pairing_gain(left: Sequence[float] | Floats, right: Sequence[float] | Floats) -> float:
    """How many times more seeds the comparison would need if they were not paired.

    The variance of a difference of independent results over that of the paired differences; 1 gains nothing,
    infinity where the differences are all equal.
    """
    first, second = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    paired = float(np.var(first - second, ddof=1))
    apart = float(np.var(first, ddof=1) + np.var(second, ddof=1))
    if paired == 0:
        return 1.0 if apart == 0 else np.inf
    return apart / paired
