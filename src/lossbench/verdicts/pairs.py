"""What a sweep without claims of its own asks: for each pair of losses, whether one is better.

The claims of an experiment are written before it trains. These are not, so the test is two-sided and
corrected over all pairs (`family.Family`): which side is put first changes no verdict.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lossbench.claims.claim import Claim
from lossbench.verdicts.conditions import Layout
from lossbench.verdicts.contenders import Contenders, contender, slices
from lossbench.verdicts.family import Family
from lossbench.verdicts.judging import of_pair
from lossbench.verdicts.pair import Pair
from lossbench.verdicts.spelling import show
from lossbench.verdicts.verdict import ASKED, Judged

MOST = 21  # pairs that a person reads; more are left to the marks of the tables


@dataclass(frozen=True)
class Pairs:
    """The verdicts, or the reason for having none although there are seeds enough."""

    verdicts: tuple[Judged, ...] = ()
    none: str = ""


def pairs(family: Family, chosen: pd.DataFrame, layout: Layout) -> Pairs:
    """The verdict on every pair of losses in every condition of the other axes, the better mean first."""
    if not any(len(pair.differences) >= family.fewest for pair in family.pairs):
        return Pairs()
    if len(family.pairs) > MOST:
        return Pairs(
            none=f"{len(family.pairs)} pairs of losses are too many to list; the marks tell which are "
            f"separated; state claims in an experiment's YAML, or select some ({_some(layout)})"
        )
    sides = _sides(chosen, layout)
    verdicts = [_judged(pair, sides, layout, family) for pair in family.pairs]
    return Pairs(tuple(verdicts))


def _some(layout: Layout) -> str:
    """Selections that leave fewer pairs, in words of the command line; each of them is there."""
    some = [f"loss={','.join(layout.losses[:2])}"] if len(layout.losses) > 2 else []
    levels = {axis: layout.levels[axis] for axis in layout.axes}
    some += [f"{axis}={show(own[0])}" for axis, own in levels.items() if len(own) > 1]
    return ", or ".join(some[:2])


def _sides(chosen: pd.DataFrame, layout: Layout) -> dict[tuple[str, str], Mapping[Hashable, Any]]:
    """The condition of each contender, by the other axes in words and its name."""
    found: dict[tuple[str, str], Mapping[Hashable, Any]] = {}
    rest = Contenders.of(chosen, layout).layout.axes
    for where, rows in slices(chosen, rest):
        for row in rows.drop_duplicates(layout.keys).to_dict("records"):
            found[(where, contender(row, layout.axes))] = row
    return found


def _judged(
    pair: Pair, sides: Mapping[tuple[str, str], Mapping[Hashable, Any]], layout: Layout, family: Family
) -> Judged:
    start = f"{pair.where}: " if pair.where else ""
    metric = family.metric.removeprefix("test/")
    claim = Claim(
        id=f"{start}{pair.first} against {pair.second}",
        sentence=f"{start}{pair.first} gives a better {metric} than {pair.second}",
        source=ASKED,
        left=_selection(sides[(pair.where, pair.first)], layout),
        right=_selection(sides[(pair.where, pair.second)], layout),
        metric=metric,
        direction="higher" if family.higher else "lower",
    )
    return of_pair(claim, pair, len(family.pairs))


def _selection(side: Mapping[Hashable, Any], layout: Layout) -> dict[str, Any]:
    named = {key: side[key] for key in layout.keys if pd.notna(side[key])}
    return {key.removesuffix(".name"): value for key, value in named.items()}
