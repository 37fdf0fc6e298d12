"""Seeds that test on parts of one pool of examples, and what is true of new examples."""

from __future__ import annotations

import numpy as np

from lossbench.verdicts.comparison import Evidence
from lossbench.verdicts.sign_flips import Floats
from lossbench.verdicts.statistics import Region, claim_p, paired_interval
from lossbench.verdicts.two_way import Influence, two_way_interval

POOL = 500
TESTED = 5  # of so many examples of the pool one is in the test of a seed
SEEDS = (10, 20, 30)


def judged(rng: np.random.Generator, seeds: int, heavy: bool) -> tuple[Evidence, Evidence]:
    """One loss against itself: what is seen with the chance of the examples, and by seeds alone.

    On an example the sides differ by what it holds for one of them, and by noise of the run. Neither is
    better on examples in general, but one is on those of the pool.

    Args:
        heavy: whether examples differ with heavy tails (t, 3 degrees of freedom), else normally.
    """
    luck = rng.standard_t(3, size=POOL) / np.sqrt(3) if heavy else rng.normal(size=POOL)
    values, influences = [], []
    for _ in range(seeds):
        rows = rng.permutation(POOL)[: POOL // TESTED]
        own: Floats = luck[rows] + 2 * rng.normal(size=len(rows)) + 0.1 * rng.normal()
        values.append(float(own.mean()))
        influences.append(Influence.of_mean(own, rows))
    differences = np.array(values)
    p = float(claim_p(differences, Region(low=0.0)))
    wide = two_way_interval(differences, influences)
    return Evidence(wide, None, (p, p), examples=True), Evidence(paired_interval(differences), None, (p, p))
