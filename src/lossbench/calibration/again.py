"""One loss against itself, looked at again and again as seeds are added, until a look gives a verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lossbench.calibration.procedure import Runs, judge
from lossbench.calibration.worlds import PAIR, alone
from lossbench.verdicts.looks import bounds
from lossbench.verdicts.statistics import Region

LOOKS = (10, 15, 20, 25, 30)


def looked(rng: np.random.Generator, experiments: int) -> NDArray[np.bool_]:
    """(experiments, 2): whether a look gave a verdict, as reports spend alpha, and with all of it always."""
    runs = alone("normal")(rng, (experiments, 2, 1, LOOKS[-1]))
    return np.array([_looked(runs.one(place)) for place in range(experiments)])


def _looked(runs: Runs) -> tuple[bool, bool]:
    region, spent, unspent = Region(low=0.0), False, False
    for seeds, alpha in zip(LOOKS, bounds(LOOKS), strict=True):
        (seen,) = judge(Runs(runs.validation[..., :seeds], runs.test[..., :seeds]), PAIR, region, whole=False)
        spent |= replace(seen.evidence, alpha=alpha).decision(region) != 0
        unspent |= seen.decision != 0
    return spent, unspent
