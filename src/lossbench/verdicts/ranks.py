"""Ranks of losses over conditions (Demsar, JMLR 2006): Friedman's test, then Nemenyi's for pairs.

A condition counts once, as the mean over its seeds. Conditions that differ only in a knob of one data set are
not independent; the test then describes these conditions and does not speak for others.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lossbench.verdicts.conditions import LOSS, Layout
from lossbench.verdicts.results import higher_is_better, results

FEWEST_LOSSES = 3
FEWEST_CONDITIONS = 5


@dataclass(frozen=True)
class Ranks:
    """mean_ranks: by loss, 1 is the best; p: Friedman's; pairs: Nemenyi's p by loss and loss."""

    mean_ranks: pd.Series[float]
    p: float
    pairs: pd.DataFrame
    conditions: int


def ranks(chosen: pd.DataFrame, layout: Layout, metric: str) -> Ranks | None:
    """Mean ranks of losses by a test metric (no prefix); None with fewer than 3 losses or 5 conditions."""
    if not layout.axes:
        return None
    values = chosen.assign(value=results(chosen, f"test/{metric}"))
    means = values.pivot_table(index=list(layout.axes), columns=LOSS, values="value", observed=True)
    means = means.dropna(axis="columns", how="all").dropna()
    means = means[[loss for loss in layout.losses if loss in means]]
    if means.shape[1] < FEWEST_LOSSES or means.shape[0] < FEWEST_CONDITIONS:
        return None
    import scikit_posthocs
    from scipy.stats import friedmanchisquare

    places = means.rank(axis="columns", ascending=not higher_is_better(chosen, metric))
    return Ranks(
        mean_ranks=places.mean().sort_values(),
        p=float(friedmanchisquare(*[means[loss] for loss in means]).pvalue),
        pairs=scikit_posthocs.posthoc_nemenyi_friedman(means),
        conditions=len(means),
    )
