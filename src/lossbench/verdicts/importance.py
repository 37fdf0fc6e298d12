"""Which of the tuned knobs matter, roughly: what each alone explains of the differences between trials.

Of the trials of a condition, ranked by validation, the share of variance that a parabola in one knob
explains (of a knob without numbers: the means of its values), less what as many terms explain by chance.
Ranks, for one trial that failed to learn would drown all others. It is rough: eight or sixteen
points settle no parabola, and knobs that matter only together, as a rate and a margin may, look as if neither
did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lossbench.verdicts.conditions import RATE, Layout, by_condition
from lossbench.verdicts.sign_flips import Floats
from lossbench.verdicts.tuned import heading, in_numbers, values_of

FEWEST = 8  # trials; of fewer nothing is said
_DECADE = 10.0  # a range that is wider is looked at by its logarithm


@dataclass(frozen=True)
class Importance:
    """Shares by condition, as texts: a dash where a knob is not the loss's own, or did not vary."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    @staticmethod
    def of(ranked: pd.DataFrame, layout: Layout) -> Importance | None:
        """Of all conditions of which knobs were tuned; None where there are none with trials enough.

        Args:
            ranked: of `choose.rates`.
            layout: what is compared.
        """
        columns = [RATE, *values_of(ranked)]
        rows = []
        for name, trials in by_condition(ranked, layout):
            if len(trials) < FEWEST or not trials[columns[1:]].notna().any(axis=None):
                continue
            merit = (-trials["rank"]).to_numpy(float)
            rows.append((name, tuple(_text(explained(trials[column], merit)) for column in columns)))
        return Importance(tuple(map(heading, columns)), tuple(rows)) if rows else None


def _text(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def explained(values: pd.Series[Any], merit: Floats) -> float | None:
    """The share of the variance of `merit` that a knob explains, less chance; None where it did not vary."""
    if values.isna().any() or values.nunique() < 2:
        return None
    if in_numbers(values):
        numbers = values.to_numpy(float)
        wide = numbers.min() > 0 and numbers.max() > _DECADE * numbers.min()
        numbers = np.log(numbers) if wide else numbers
        terms = min(2, values.nunique() - 1)
        fitted = np.polyval(np.polyfit(numbers - numbers.mean(), merit, terms), numbers - numbers.mean())
    else:
        terms = values.nunique() - 1
        fitted = pd.Series(merit, index=values.index).groupby(values).transform("mean").to_numpy(float)
    free = len(merit) - terms - 1
    left, whole = float(((merit - fitted) ** 2).sum()), float(((merit - merit.mean()) ** 2).sum())
    if free < 1 or whole == 0:
        return None
    return max(0.0, 1 - (left / free) / (whole / (len(merit) - 1)))
