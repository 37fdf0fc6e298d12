"""What losses have to beat: results of baselines on the data and the seeds of runs, outside all verdicts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pandas as pd

from lossbench.significant import number
from lossbench.tracking.runs import BASELINE, FINGERPRINT
from lossbench.verdicts.conditions import LOSS, SEED, parameters, typed
from lossbench.verdicts.contenders import Contenders, on_shared_seeds, slices
from lossbench.verdicts.family import Family
from lossbench.verdicts.remarks import several

RUN, RECORD = "run_id", "record"  # the ids of runs of a loss, and of a baseline


@dataclass(frozen=True)
class Baselines:
    """Results of baselines by the runs that they stand beside.

    rows: one for each run of a loss and each baseline of its data and seed: both ids, name, seed, metrics
    """

    rows: pd.DataFrame = field(default_factory=pd.DataFrame)

    @staticmethod
    def of(runs: pd.DataFrame, found: pd.DataFrame | None) -> Baselines:
        """Those of the data of some runs, both as they were read.

        A baseline is that of a run where all knobs of their data, the seed and the fingerprint are equal; of
        several records of one, it is the latest.
        """
        if found is None or found.empty or FINGERPRINT not in runs:
            return NONE
        both = typed(pd.concat([runs, found], ignore_index=True))
        same = [SEED, FINGERPRINT, *(name for name in parameters(both) if name.startswith("data."))]
        metrics = [name for name in found.columns if name.startswith("test/")]
        known = both[both[BASELINE].notna()].sort_values("started", kind="stable")
        known = known.drop_duplicates([BASELINE, *same], keep="last").rename(columns={RUN: RECORD})
        rows = both.loc[both[BASELINE].isna(), [RUN, *same]].merge(
            known[[RECORD, *same, BASELINE, *metrics]], on=same
        )
        return Baselines(rows[[RUN, RECORD, BASELINE, SEED, *metrics]])

    def records(self, among: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """The records beside some runs, each once, by name."""
        if self.rows.empty:
            return {}
        own = self.rows[self.rows[RUN].isin(among[RUN])].drop_duplicates(RECORD)
        return {str(name): records for name, records in own.groupby(BASELINE, sort=False)}

    def values(self, among: pd.DataFrame, metric: str, seeds: Collection[int]) -> pd.DataFrame:
        """Results in a metric beside some runs, of these seeds: seeds by names."""
        if metric not in self.rows:
            return pd.DataFrame()
        own = self.rows[self.rows[RUN].isin(among[RUN]) & self.rows[SEED].isin(list(seeds))]
        return own.pivot_table(index=SEED, columns=BASELINE, values=metric, sort=False)

    def names(self, among: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
        """Of those that have a result in one of the metrics beside some runs."""
        own = self.rows[self.rows[RUN].isin(among[RUN])] if len(self.rows) else self.rows
        known = own[[name for name in metrics if name in own]].notna().any(axis="columns")
        return own.loc[known, BASELINE].unique().tolist() if len(own) else []

    def hardest(self, rows: pd.DataFrame, metric: str, *, higher: bool) -> dict[str, tuple[str, float]]:
        """Of the losses of one condition that are no better on the mean than a baseline, the best of these.

        Args:
            rows: the runs of the condition.
            metric: with its prefix.

        Returns:
            by loss the name of the baseline and its mean.
        """
        results = on_shared_seeds(rows, metric)
        best, found = max if higher else min, dict[str, tuple[str, float]]()
        for loss in dict.fromkeys(rows[LOSS]) if len(self.rows) else ():
            own = results[loss].dropna() if loss in results else pd.Series(dtype=float)
            ahead = {}
            for name, values in self.values(rows[rows[LOSS] == loss], metric, own.index).items():
                of_loss, mean = float(own[values.dropna().index].mean()), float(values.mean())
                if (of_loss <= mean) if higher else (of_loss >= mean):
                    ahead[str(name)] = mean
            if ahead:
                found[str(loss)] = best(ahead.items(), key=lambda one: one[1])
        return found


NONE = Baselines()


def not_better(chosen: Contenders, family: Family, beside: Baselines) -> list[str]:
    """The remark on losses that are no better than a baseline on the mean, condition by condition."""
    told = []
    for where, rows in slices(chosen.rows, chosen.layout.axes):
        means = on_shared_seeds(rows, family.metric).mean()
        for loss, (name, value) in beside.hardest(rows, family.metric, higher=family.higher).items():
            condition = f", {where}" if where else ""
            told.append(f"{loss}{condition}: {number(float(means[loss]))} ({name}: {number(value)})")
    if not told:
        return []
    what = family.metric.replace("/", " ")
    return [f"No better than a baseline, which needs no training, in mean {what}: {several(told)}."]
