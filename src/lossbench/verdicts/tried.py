"""What competes: the chosen runs, and all that were tried for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from lossbench.verdicts.choice import Choice
from lossbench.verdicts.choose import score_column
from lossbench.verdicts.conditions import LOSS
from lossbench.verdicts.contenders import Contenders, slices
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.grid import Grid
from lossbench.verdicts.results import higher_is_better
from lossbench.verdicts.statistics import ALPHA


@dataclass(frozen=True, eq=False)
class Tried:
    """What competes: the chosen runs, and all runs with the columns that chose among them.

    chosen, everything: named by contender
    score, higher: the column that chooses, and whether more of it is better
    examples, alpha: as in `Choice`
    """

    chosen: Contenders
    everything: pd.DataFrame
    score: str
    higher: bool
    examples: Examples | None = None
    alpha: float = ALPHA

    @staticmethod
    def of(chosen: pd.DataFrame, choice: Choice, by: str) -> Tried:
        """The runs of an experiment that a validation metric chose."""
        everything = Contenders.of(choice.runs, choice.layout).rows
        score, higher = score_column(choice.runs, by), higher_is_better(choice.runs, by)
        contenders = Contenders.of(chosen, choice.layout)
        return Tried(contenders, everything, score, higher, choice.examples, choice.alpha)

    def slices(self) -> list[tuple[str, pd.DataFrame]]:
        """The chosen runs of each condition, with the condition in words."""
        return slices(self.chosen.rows, self.chosen.layout.axes)

    def grid(self, where: str, name: str, metric: str) -> Grid:
        """All runs of a contender under a condition."""
        return Grid.of(self._by_names[(where, name)], self.score, metric, self.higher)

    @cached_property
    def _by_names(self) -> dict[tuple[str, str], pd.DataFrame]:
        return {
            (where, str(name)): own
            for where, part in slices(self.everything, self.chosen.layout.axes)
            for name, own in part.groupby(LOSS, sort=False)
        }
