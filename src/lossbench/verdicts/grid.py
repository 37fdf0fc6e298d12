"""The runs of one condition as a grid: what each learning rate gave on each seed.

Rates are compared on the seeds that all of them have. A run that was killed, failed or never made says
nothing about its rate; only one that diverged does. A rate with results on less than half of the seeds that
another has does not compete: it would leave few seeds to compare all the others on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.verdicts.conditions import DONE, RATE, SEED
from lossbench.verdicts.results import lost
from lossbench.verdicts.sign_flips import Floats
from lossbench.verdicts.trials import Trials

FEW = 2  # times as many seeds as a rate has may another have, for it to compete


@dataclass(frozen=True, eq=False)
class Grid:
    """One condition.

    validation, test: the rates that compete by the seeds that all of them have; NaN where a run diverged
    missing: how many runs of these rates have no result on a seed on which another rate has one
    higher: whether more of the metric that chooses is better
    """

    validation: pd.DataFrame
    test: pd.DataFrame
    missing: int
    higher: bool

    @staticmethod
    def of(rows: pd.DataFrame, score: str, metric: str, higher: bool) -> Grid:
        """The grid of the rows of one condition.

        Args:
            rows: of the tidy frame.
            score: the column that chooses.
            metric: of test, with its prefix.
            higher: of the metric that chooses.
        """
        done = rows[rows["outcome"].isin(DONE)]
        finished = done["outcome"] == "finished"
        there = done.assign(
            score=done[score].astype(float).where(finished) if score in done else np.nan,
            value=done[metric].astype(float).mask(lost(done, metric)) if metric in done else np.nan,
        )
        by_rate = there.set_index([RATE, SEED])[["score", "value", "outcome"]]
        # Not by pivot_table, which would drop rates and seeds that have nothing but nan.
        known = by_rate["outcome"].unstack().notna()  # noqa: PD010
        rates, complete, missing = compared(np.asarray(known.to_numpy(), dtype=bool))
        tables = [
            by_rate[name].unstack().loc[known.index[rates], known.columns[complete]]  # noqa: PD010
            for name in ("score", "value")
        ]
        return Grid(tables[0], tables[1], missing, higher)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that all rates have."""
        return tuple(int(seed) for seed in self.test.columns)

    @property
    def several(self) -> bool:
        """Whether there was a choice."""
        return len(self.validation) > 1

    def trials(self, seeds: Sequence[int]) -> Trials:
        """As arrays, of these seeds, which it has."""
        validation: Floats = self.validation[list(seeds)].to_numpy(float)
        return Trials(validation, self.test[list(seeds)].to_numpy(float), self.higher)

    def drawn(self, seeds: Sequence[int]) -> Floats:
        """(B,) means of test on seeds drawn anew, at the rate chosen on these; see `Trials.drawn`."""
        key = tuple(seeds)
        if key not in self._drawn:
            self._drawn[key] = self.trials(key).drawn()
        return self._drawn[key]

    @cached_property
    def _drawn(self) -> dict[tuple[int, ...], Floats]:
        return {}


def compared(known: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """Which rates of a condition compete, on which seeds, and how many runs of these rates are missing.

    Args:
        known: (T, S), whether a rate came to a result on a seed.

    Returns:
        (T,), (S,) and the number.
    """
    results = known.sum(axis=1)
    rates: NDArray[np.bool_] = FEW * results >= results.max(initial=0)
    competing = known[rates]
    complete: NDArray[np.bool_] = np.asarray(competing.all(axis=0))
    return rates, complete, int((~competing[:, known.any(axis=0)]).sum())


def comparable(frame: pd.DataFrame, keys: Sequence[str]) -> tuple[pd.Series[bool], pd.Series[bool]]:
    """For rows of many conditions what `Grid.of` says of one: which rates compete, and which seeds all have.

    Args:
        frame: with `done`, whether a run came to a result.
        keys: the columns that name a condition.

    Returns:
        whether the row's rate competes; whether its seed is one of those on which rates are compared.
    """
    condition, done = list(keys), frame[frame["done"]]
    results = done.groupby([*condition, RATE], dropna=False)[SEED].transform("size")
    fullest = results.groupby([done[key] for key in condition], dropna=False).transform("max")
    competing = done[FEW * results >= fullest]
    rates = competing.groupby(condition, dropna=False)[RATE].transform("nunique")
    there = competing.groupby([*condition, SEED], dropna=False)[RATE].transform("nunique")
    competes = pd.Series(frame.index.isin(competing.index), index=frame.index)
    return competes, (there == rates).reindex(frame.index, fill_value=False).astype(bool)
