"""Everything that a report says of the runs of one experiment, computed and not yet shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from lossbench.claims.claim import Experiment
from lossbench.metrics.measure import Metric
from lossbench.tracking.runs import SOURCE
from lossbench.verdicts.baselines import NONE, Baselines
from lossbench.verdicts.breakdown import Breakdown
from lossbench.verdicts.budget import Crossing
from lossbench.verdicts.conditions import DONE, SEED, Layout
from lossbench.verdicts.contenders import Contenders
from lossbench.verdicts.decision import Decision
from lossbench.verdicts.family import Family
from lossbench.verdicts.importance import Importance
from lossbench.verdicts.looks import Looks
from lossbench.verdicts.ranks import Ranks
from lossbench.verdicts.results import metrics_of
from lossbench.verdicts.table import Table
from lossbench.verdicts.tuned import noun, short
from lossbench.verdicts.verdict import Judged


@dataclass(frozen=True)
class Report:
    """What the runs of one experiment say.

    judge, select: test metric that judges, validation metric that chose the learning rates
    remarks: what weakens the comparison; shown first
    verdicts: on the experiment's claims; where it states none, on each pair of losses
    no_verdicts: why they are not listed, where the seeds allow them
    family: all pairs of what competes in the metric that judges, whose decisions are said everywhere
    decision: chances of each contender in that metric, for who must take one now
    finalists: by condition in words, the contender of each loss that validation chose
    selection: what the runs were filtered by; empty where they are all of the experiment
    contenders: the chosen runs by what stands in the rows of the tables
    by_axis, by_metric, cross: tables of results; `by_axis` is empty without an axis
    importance: what each tuned knob explains of the differences between trials, roughly
    unended: ids of runs whose training had not ended
    knobs: of each loss, those that are not off and were not swept
    sections: a report on each data set, where there are several; tables and answers are theirs then
    looks: this one at the seeds, and those before
    baselines: what stands in the tables below the losses
    in_groups: test examples come in groups (people), which intervals draw anew as a whole
    """

    experiment: Experiment
    judge: str
    select: str | None
    runs: pd.DataFrame
    layout: Layout
    ranked: pd.DataFrame
    chosen: pd.DataFrame
    remarks: tuple[str, ...]
    verdicts: tuple[Judged, ...]
    contenders: Contenders
    family: Family = field(default_factory=lambda: Family("", ()))
    decision: Decision = field(default_factory=lambda: Decision({}, None))
    finalists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    knobs: Mapping[str, str] = field(default_factory=dict)
    by_axis: tuple[Table, ...] = ()
    by_metric: tuple[Table, ...] = ()
    cross: tuple[Table, ...] = ()
    budget: pd.DataFrame = field(default_factory=pd.DataFrame)
    crossings: tuple[Crossing, ...] = ()
    ranks: Ranks | None = None
    breakdown: Breakdown | None = None
    unended: frozenset[str] = frozenset()
    importance: Importance | None = None
    no_verdicts: str = ""
    selection: Mapping[str, Any] = field(default_factory=dict)
    sections: tuple[Report, ...] = ()
    looks: Looks = field(default_factory=Looks)
    baselines: Baselines = NONE
    in_groups: bool = False

    @property
    def section(self) -> str:
        """The data set, where it is one."""
        return ", ".join(map(str, self.runs["data.name"].unique()))

    @property
    def seeds(self) -> int:
        """How many seeds have results."""
        return int(self.chosen.loc[self.chosen["outcome"].isin(DONE), SEED].nunique())

    @property
    def rates_chosen(self) -> Literal["all", "some", "none"]:
        """Of which conditions one of several learning rates was chosen; some have nothing to choose by."""
        tried = self.ranked.groupby(self.layout.keys, dropna=False)["finished"].agg(["size", "max"])
        chosen = (tried["size"] > 1) & (tried["max"] > 0)
        return "all" if chosen.all() else "some" if chosen.any() else "none"

    @property
    def noun(self) -> str:
        """What was tried and chosen: a learning rate, or a trial where knobs were tuned with it."""
        return noun(self.ranked)

    @property
    def short(self) -> str:
        """The same, where it has been named: a rate, or a trial."""
        return short(self.ranked)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics of its runs by name."""
        return metrics_of(self.runs)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables of results."""
        return (*self.by_axis, *self.by_metric, *self.cross)

    @property
    def data(self) -> tuple[str, ...]:
        """The data sets, each with where it comes from and a digest of the fingerprints of all its runs."""
        prints = self.runs.get("lossbench.fingerprint", pd.Series("", index=self.runs.index))
        found = []
        for name, own in prints.groupby(self.runs["data.name"]):
            known = sorted({str(value) for value in own.dropna()})
            digest = hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]
            views = f" of the {len(known)} views that seeds and noise make" if len(known) > 1 else ""
            told = self.runs.loc[own.index, SOURCE].dropna().unique() if SOURCE in self.runs else ()
            source = f" ({'; '.join(map(str, told))})" if len(told) else ""
            found.append(f"{name}{source}, fingerprint {digest}{views}")
        return tuple(found)
