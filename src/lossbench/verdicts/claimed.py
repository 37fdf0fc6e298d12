"""What claims decide that pairs of losses ask, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lossbench.verdicts.choose import fixes_trial
from lossbench.verdicts.conditions import LOSS, Layout, matches
from lossbench.verdicts.contenders import Contenders, slices
from lossbench.verdicts.verdict import Judged

Claimed = Mapping[tuple[str, str, str], int]
"""What claims decide: (condition, one, other) -> 1 where the one is better, -1 where the other is, else 0."""


def decisions(verdicts: Sequence[Judged], chosen: pd.DataFrame, layout: Layout) -> dict[str, Claimed]:
    """What claims decide that pairs of losses ask, too, by metric with its prefix.

    A claim asks what a pair asks where it says that one condition is better than another that differs from it
    in the loss or its knobs alone, without a margin, a baseline or a learning rate of its own.
    """
    found: dict[str, dict[tuple[str, str, str], int]] = {}
    for judged in verdicts:
        claim = judged.claim
        fixed = fixes_trial(claim.left) or fixes_trial(claim.right)
        if claim.kind != "better" or claim.margin or claim.change_from or fixed:
            continue
        left, right = (_place(side, chosen, layout) for side in (claim.left, claim.right))
        if left is None or right is None or left[0] != right[0]:
            continue
        (where, one), (_, other) = left, right
        sign = {"supported": 1, "refuted": -1, "inconclusive": 0}[judged.verdict]
        found.setdefault(f"test/{claim.metric}", {})[(where, one, other)] = sign
    return {metric: dict(own) for metric, own in found.items()}


def _place(selection: Mapping[str, object], chosen: pd.DataFrame, layout: Layout) -> tuple[str, str] | None:
    """The condition and the name of the one contender that a selection leaves; None where it is not one."""
    rows = chosen[matches(chosen, selection)]
    if len(rows[layout.keys].drop_duplicates()) != 1:
        return None
    named = Contenders.of(rows, layout)
    ((where, part),) = slices(named.rows, named.layout.axes)
    return where, str(part[LOSS].iloc[0])
