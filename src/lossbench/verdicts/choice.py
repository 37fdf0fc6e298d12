"""By which validation metric the learning rates of a claim are chosen, and the runs at the chosen rates.

A rate that is best in one metric need not be so in another. A claim about the negative log-likelihood of runs
that were chosen by accuracy compares where accuracy led: one loss against itself then got a verdict in 15 to
47% of simulated experiments. So each metric chooses for itself, unless the experiment names one that chooses
for all (`experiment.select`), with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from lossbench.verdicts import choose
from lossbench.verdicts.conditions import Layout
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.results import higher_is_better
from lossbench.verdicts.statistics import ALPHA


@dataclass(frozen=True, eq=False)
class Choice:
    """The choice among the runs of an experiment.

    runs: the tidy frame
    layout: what the experiment compares
    fixed: the metric that the experiment names for all its claims; None lets each choose by its own
    otherwise: the metric for claims whose own was not measured on validation
    examples: what test examples contribute to differences; None lets seeds alone speak
    alpha: the largest corrected p that gives a verdict, `ALPHA` at the first look
    """

    runs: pd.DataFrame
    layout: Layout
    fixed: str | None
    otherwise: str
    examples: Examples | None = None
    alpha: float = ALPHA

    def by(self, metric: str) -> str:
        """The validation metric that chooses for a claim in this test metric (no prefixes)."""
        if self.fixed:
            return self.fixed
        return metric if f"best/{metric}" in self.runs.columns else self.otherwise

    def score(self, metric: str) -> str:
        """The column in which that validation metric stands."""
        return choose.score_column(self.runs, self.by(metric))

    def higher(self, metric: str) -> bool:
        """Whether more of it is better."""
        return higher_is_better(self.runs, self.by(metric))

    def chosen(self, metric: str) -> pd.DataFrame:
        """The runs of each condition at the rate that is chosen for a claim in this test metric."""
        by = self.by(metric)
        if by not in self._chosen:
            ranked = choose.rates(self.runs, self.layout, by)
            self._chosen[by] = choose.chosen(self.runs, ranked, self.layout)
        return self._chosen[by]

    @cached_property
    def _chosen(self) -> dict[str, pd.DataFrame]:
        return {}
