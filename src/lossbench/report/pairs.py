"""What a sweep without claims of its own asks: for each pair of losses, whether one is better.

The claims of an experiment are written before it trains. These are not, so the test is two-sided and
corrected over all pairs: which side is put first changes no verdict.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lossbench.report.claims import Claim
from lossbench.report.conditions import DONE, SEED, Layout, higher_is_better, results
from lossbench.report.contenders import contender, loss_knobs
from lossbench.report.statistics import fewest_seeds
from lossbench.report.table import slices

MOST = 21  # pairs; more would need more seeds than anyone has, for questions that nobody asked
SOURCE = "asked by the sweep itself"


@dataclass(frozen=True)
class Pairs:
    """The claims, or the reason for having none."""

    claims: tuple[Claim, ...] = ()
    none: str = ""


def pairs(chosen: pd.DataFrame, layout: Layout, metric: str) -> Pairs:
    """Every pair of losses in every condition of the other axes, the one with the better mean first.

    Args:
        chosen: the runs at the chosen learning rates.
        layout: what the experiment compares.
        metric: of test, as in `METRICS`.
    """
    rest = [axis for axis in layout.axes if axis not in loss_knobs(layout.axes)]
    claims: list[Claim] = []
    for where, rows in slices(chosen, rest):
        defined = rows.assign(value=results(rows, f"test/{metric}")).dropna(subset=["value"])
        means = defined.groupby(layout.keys, dropna=False)["value"].mean()
        ordered = means.sort_values(ascending=not higher_is_better(metric), kind="stable").reset_index()
        sides = ordered.to_dict("records")
        claims += [_claim(*pair, layout, metric, where) for pair in itertools.combinations(sides, 2)]
    if len(claims) > MOST:
        return Pairs(
            none=f"{len(claims)} pairs of losses are too many for a verdict on each; state claims in an "
            "experiment's YAML, or select some (loss=mse,huber, or data.contamination=0.2)"
        )
    seeds, needed = chosen.loc[chosen["outcome"].isin(DONE), SEED].nunique(), fewest_seeds(len(claims))
    if claims and seeds < needed:
        return Pairs(
            none=f"{seeds} seed{'s' * (seeds > 1)} can give no verdict on {len(claims)} "
            f"pair{'s' * (len(claims) > 1)} of losses, {needed} can"
        )
    return Pairs(tuple(claims))


def _claim(
    better: Mapping[Hashable, Any], worse: Mapping[Hashable, Any], layout: Layout, metric: str, where: str
) -> Claim:
    first, second = (contender(side, layout.axes) for side in (better, worse))
    start = f"{where}: " if where else ""
    return Claim(
        id=f"{start}{first} against {second}",
        sentence=f"{start}{first} gives a better {metric} than {second}",
        source=SOURCE,
        left=_selection(better, layout),
        right=_selection(worse, layout),
        metric=metric,
    )


def _selection(side: Mapping[Hashable, Any], layout: Layout) -> dict[str, Any]:
    named = {key: side[key] for key in layout.keys if pd.notna(side[key])}
    return {key.removesuffix(".name"): value for key, value in named.items()}
