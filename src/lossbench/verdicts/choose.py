"""The learning rate of each condition, chosen on validation alone.

Which runs of a condition are compared, and what is preferred among them, is the rule of `verdicts.trials`;
here it is applied to frames of runs. A run that was killed, failed or never made says nothing about its rate:
all rates are compared without its seed, and verdicts wait for it. What chooses is handed no test metric.

A rate that is best in one metric need not be so in another. A claim about the negative log-likelihood of runs
that were chosen by accuracy compares where accuracy led: one loss against itself then got a verdict in 15 to
47% of simulated experiments. So each metric chooses for itself, unless the experiment names one that chooses
for all (`experiment.select`), with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.verdicts.conditions import DONE, SEED, TRIAL, Layout, in_order
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.results import higher_is_better, lost
from lossbench.verdicts.statistics import ALPHA
from lossbench.verdicts.trials import Trials, best_first, competing
from lossbench.verdicts.tuned import values_of


def rates(runs: pd.DataFrame, layout: Layout, select: str) -> pd.DataFrame:
    """One row per condition and learning rate, the best rate in a validation metric (no prefix) first.

    Returns:
        The condition's columns, the rate, `rank` (0 is chosen), `validation` (mean over the seeds that all
        rates of the condition have and that finished here), and the counts `finished` (with that metric),
        `diverged`, `missing` (failed, killed, or never run while other rates were).
    """
    knobs = values_of(runs)
    frame = runs[[*layout.keys, *TRIAL, *knobs, SEED, "outcome"]].reset_index(drop=True)
    frame["value"] = _finished(runs, score_column(runs, select)).to_numpy()
    frame["finished"] = frame["value"].notna()
    frame["diverged"] = frame["outcome"] == "diverged"
    frame["done"] = frame["outcome"].isin(DONE)
    frame["competes"] = frame["shared"] = False
    for _, rows in frame[frame["done"]].groupby(layout.keys, dropna=False, sort=False):
        trial, seed, known = _placed(rows)
        trials, seeds, _ = competing(known)
        frame.loc[rows.index, "competes"] = trials[trial]
        frame.loc[rows.index, "shared"] = trials[trial] & seeds[seed]
    frame["compared"] = frame["value"].where(frame["shared"])
    frame["lost"] = frame["shared"] & frame["value"].isna()
    table = (
        frame.groupby([*layout.keys, *TRIAL], dropna=False, sort=False)
        .agg(
            validation=("compared", "mean"),
            finished=("finished", "sum"),
            diverged=("diverged", "sum"),
            lost=("lost", "sum"),
            competes=("competes", "any"),
            done=("done", "sum"),
            **{name: (name, "first") for name in knobs},
        )
        .reset_index()
        .sort_values(TRIAL, kind="stable")
    )
    table["missing"] = runs[SEED].nunique() - table["done"]
    behind = table["lost"].where(table["competes"], np.inf)
    table = table.iloc[best_first(behind, table["validation"], higher=higher_is_better(runs, select))]
    table["rank"] = table.groupby(layout.keys, dropna=False).cumcount()
    return in_order(table.drop(columns=["done", "lost", "competes"]), layout, "rank")


def chosen(runs: pd.DataFrame, ranked: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The runs of each condition at its chosen trial, with how many were `tried`, in the order of losses."""
    tried = ranked.groupby(layout.keys, dropna=False)["rank"].transform("size")
    best = ranked.assign(tried=tried).loc[ranked["rank"] == 0, [*layout.keys, *TRIAL, "tried"]]
    return in_order(runs.merge(best, on=[*layout.keys, *TRIAL], how="inner"), layout, SEED)


def score_column(runs: pd.DataFrame, metric: str) -> str:
    """Where a run's score on validation stands, by which trials are chosen.

    `val_choose/<metric>`, measured on each half of validation at the epoch that the other half chose, so that
    the luck of the best epoch does not flatter it; the value of the best epoch itself, `val_best/<metric>`,
    where a finished run has no other: of an older release, or with fewer than four examples of validation.
    """
    scored, plain = f"val_choose/{metric}", f"val_best/{metric}"
    if scored not in runs or plain not in runs:
        return plain
    finished = runs[runs["outcome"] == "finished"]
    return plain if (finished[scored].isna() & finished[plain].notna()).any() else scored


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
        return metric if f"val_best/{metric}" in self.runs.columns else self.otherwise

    @cached_property
    def ranked(self) -> Callable[[str], pd.DataFrame]:
        """By validation metric (no prefix): all trials of each condition, of `rates`."""
        return cache(lambda by: rates(self.runs, self.layout, by))

    @cached_property
    def chosen(self) -> Callable[[str], pd.DataFrame]:
        """By validation metric: the runs of each condition at the rate that it chooses."""
        return cache(lambda by: chosen(self.runs, self.ranked(by), self.layout))

    @cached_property
    def _score(self) -> Callable[[str], str]:
        return cache(lambda by: score_column(self.runs, by))

    def pool(self, selection: Mapping[str, Any], metric: str) -> pd.DataFrame:
        """The runs that a side of a claim in this test metric is about: all where it fixes the rate."""
        return self.runs if fixes_trial(selection) else self.chosen(self.by(metric))

    def trials(self, rows: pd.DataFrame, by: str, metric: str) -> Trials:
        """All runs of one condition, among which a metric of validation (no prefix) chooses, and its test."""
        done = rows[rows["outcome"].isin(DONE)]
        trial, seed, known = _placed(done)
        test = done[metric].astype(float).mask(lost(done, metric)) if metric in done else np.nan
        tables = np.full((2, *known.shape), np.nan)
        tables[0][trial, seed] = _finished(done, self._score(by))
        tables[1][trial, seed] = test
        trials, seeds, missing = competing(known)
        validation, tested = tables[:, trials][:, :, seeds]
        names = tuple(int(name) for name in np.unique(done[SEED])[seeds])
        return Trials(validation, tested, higher_is_better(self.runs, by), names, missing)


def fixes_trial(selection: Mapping[str, Any]) -> bool:
    """Whether a selection says what validation chooses otherwise."""
    return any(key in selection for key in TRIAL)


def _finished(runs: pd.DataFrame, score: str) -> pd.Series[float]:
    """The scores of runs that finished; nan of all others."""
    values = runs[score] if score in runs else pd.Series(np.nan, index=runs.index)
    return values.astype(float).where(runs["outcome"] == "finished")


def _placed(rows: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Of runs of one condition the places of their trials and seeds, ascending; (T, S) which there are."""
    trial, seed = (np.asarray(rows.groupby(key, dropna=False).ngroup(), np.intp) for key in (TRIAL, SEED))
    known = np.zeros((1 + trial.max(initial=-1), 1 + seed.max(initial=-1)), dtype=bool)
    known[trial, seed] = True
    return trial, seed, known
