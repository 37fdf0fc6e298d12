"""Runs whose mean hangs on few of them: where verdicts are wrong more often than 5%.

The sign-flip test and the t interval hold for differences that are symmetric about their mean. Two kinds of
runs are not, and few seeds cannot make up for it (`experiments/calibration` tells how often verdicts on them
are wrong): differences that are skewed or have one far outside the others, and a loss whose runs end badly
once in a while, where seeds that did not meet it look safe. The second is looked for at the rates beside the
chosen one, too, for the seeds at the chosen one may have been lucky.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lossbench.verdicts.remarks import several
from lossbench.verdicts.sign_flips import Floats

if TYPE_CHECKING:
    from lossbench.verdicts.sides import Sides
    from lossbench.verdicts.trials import Trials
    from lossbench.verdicts.verdict import Judged

FEWEST = 6  # seeds with which a verdict is possible at all
ENOUGH_FOR_SKEW = 8
OUTLIER_LEVEL = 0.001
SKEW_LEVEL = 0.01
ROUNDING = 1e-9
FAR = 8.0  # robust standard deviations to the worse side


def lopsided(differences: Floats) -> bool:
    """Whether paired differences (S,) have one far outside the others, or are skewed, beyond chance.

    By Grubbs' test (Technometrics 1969) at a level of 0.001, and the test of skewness at 0.01.
    """
    from scipy import stats

    n = len(differences)
    if n < FEWEST or not np.isfinite(differences).all():
        return False
    if not np.ptp(differences) > ROUNDING * np.abs(differences).max():  # alike but for rounding
        return False
    furthest = np.abs(differences - differences.mean()).max() / differences.std(ddof=1)
    t = stats.t.isf(OUTLIER_LEVEL / (2 * n), n - 2)
    if furthest > (n - 1) / np.sqrt(n) * np.sqrt(t**2 / (n - 2 + t**2)):
        return True
    return n >= ENOUGH_FOR_SKEW and bool(stats.skewtest(differences).pvalue < SKEW_LEVEL)


def hangs_on_few(sides: Sides) -> bool:
    """Whether the difference of a claim hangs on few runs, or is lopsided."""
    trials = [one for _, one in sides.parts if one.seeds]
    return lopsided(sides.differences) or any(strayed(one, sides.sign > 0) for one in trials)


def strayed(trials: Trials, higher: bool) -> bool:
    """Whether single runs of a loss ended far worse than its others did at the same rate.

    Looked at are the rate that is chosen and those beside it; runs that diverged do not count. `higher` says
    whether more of the test metric is better.
    """
    results = trials.test[max(trials.chosen - 1, 0) : trials.chosen + 2]
    finite = np.isfinite(results)
    kept = results[finite.sum(axis=1) >= FEWEST]
    if not len(kept):
        return False
    values = np.where(np.isfinite(kept), kept, np.nan)
    away = values - np.nanmedian(values, axis=1, keepdims=True)
    scale = 1.4826 * float(np.nanmedian(np.abs(away)))  # the standard deviation, where they are normal
    worst = float(np.nanmin(away if higher else -away))
    return scale > 0 and worst < -FAR * scale


def remarks(verdicts: Sequence[Judged]) -> list[str]:
    """What a reader of the verdicts must know, where some hang on few runs."""
    named = [one.claim.id for one in verdicts if one.lopsided and one.verdict != "inconclusive"]
    if not named:
        return []
    what = "This verdict hangs" if len(named) == 1 else "These verdicts hang"
    return [
        f"{what} on few runs that lie far from the others, or on lopsided differences, on which simulated "
        f"verdicts are wrong more often than 5%: look at the runs, and add seeds ({several(named)})."
    ]
