"""Experiments that mix data sets: a section for each, and what they share.

Results on different data are never in one table: they may not even have a metric in common.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from lossbench.config.folders import GROUPS
from lossbench.verdicts import lopsided
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.conditions import DONE, Layout
from lossbench.verdicts.contenders import Contenders
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.findings import Report
from lossbench.verdicts.judging import judge, placed
from lossbench.verdicts.looks import Looks
from lossbench.verdicts.ranks import ranks
from lossbench.verdicts.results import first_metric, select_of
from lossbench.verdicts.sides import run_ids
from lossbench.verdicts.tuned import knob_of, values_of
from lossbench.verdicts.verdict import Judged

if TYPE_CHECKING:
    from lossbench.claims.claim import Experiment


@dataclass(frozen=True)
class Part:
    """A data set of an experiment.

    experiment: with the metrics that are measured on it
    runs: tidy
    select: the validation metric (no prefix) that chooses
    """

    experiment: Experiment
    runs: pd.DataFrame
    select: str

    @staticmethod
    def of(experiment: Experiment, runs: pd.DataFrame, select: str | None) -> Part:
        """The metric that chooses is the experiment's own, else its judge, else that of the data set."""
        chooses = experiment.select or first_metric(runs, "val_best/", experiment.judge, select)
        return Part(experiment, runs, chooses)

    @property
    def ended(self) -> bool:
        """Whether any of its runs came to a result."""
        return bool(self.runs["outcome"].isin(DONE).any())


One = Callable[[Part, Sequence[Judged]], Report]
"""Makes the report on one data set; the verdicts are those that are shown elsewhere."""


def by_data(experiment: Experiment, runs: pd.DataFrame, select: str | None) -> list[Part]:
    """The runs of each data set, in the order in which they started.

    Params and metrics that none of them has are left out. A metric that the experiment names counts where it
    is measured.

    Args:
        select: the selection metric of a data set whose runs name none.
    """
    found = []
    for _, own in runs.groupby("data.name", sort=False):
        part = own.drop(columns=_empty(own))
        judged = experiment.judge if f"test/{experiment.judge}" in part else None
        selected = experiment.select if f"val_best/{experiment.select}" in part else None
        named = replace(experiment, judge=judged, select=selected)
        found.append(Part.of(named, part.reset_index(drop=True), select_of(part) or select))
    return found


def _empty(own: pd.DataFrame) -> list[str]:
    """The columns that the runs of a data set do not have; of a knob that was tuned there, it has both."""
    empty = list(map(str, own.columns[own.isna().all()]))
    tuned = {knob_of(name) for name in values_of(own) if name not in empty}
    return [name for name in empty if _varies(knob_of(name)) and name not in tuned]


def _varies(column: str) -> bool:
    """Whether a column is a metric or a knob, which another data set need not have."""
    return "/" in column or ("." in column and column.split(".")[0] in GROUPS)


def together(
    experiment: Experiment,
    runs: pd.DataFrame,
    parts: Sequence[Part],
    one: One,
    known: tuple[Examples | None, Looks],
) -> Report:
    """The report on several data sets.

    Claims are judged once, over all data sets; where there are none, each section asks its own pairs.
    """
    there = [part for part in parts if part.ended]
    layout, (examples, looks) = Layout.of(runs), known
    fixed = experiment.select if {part.select for part in there} == {experiment.select} else None
    choice = Choice(runs, layout, fixed, there[0].select, examples, looks.alpha)
    claimed = judge(experiment.claims, choice)
    sections = [one(part, claimed) for part in there]
    late = frozenset(itertools.chain(*(part.unended for part in sections)))
    marked = placed(claimed, [run_ids(told.claim, choice) for told in claimed], runs, late)
    asked = [_named(told, part.section) for part in sections for told in part.verdicts]
    chosen = pd.concat([part.chosen for part in sections], ignore_index=True)
    rows, judges = Contenders.of(chosen, layout), {part.judge for part in sections}
    return Report(
        experiment=experiment,
        judge="",
        select=None,
        runs=runs,
        layout=layout,
        ranked=pd.concat([part.ranked for part in sections], ignore_index=True),
        chosen=chosen,
        remarks=(*_unfinished(parts), *lopsided.remarks(marked), *_remarks(sections)),
        verdicts=marked or tuple(asked),
        contenders=rows,
        ranks=ranks(rows.rows, rows.layout, judges.pop()) if len(judges) == 1 else None,
        unended=late,
        sections=tuple(sections),
        looks=looks,
    )


def _unfinished(parts: Sequence[Part]) -> list[str]:
    """Data sets of which no run came to a result."""
    nothing = [str(part.runs["data.name"].iloc[0]) for part in parts if not part.ended]
    return [f"No run on {' or '.join(nothing)} finished, so nothing is said of it."] if nothing else []


def _named(judged: Judged, section: str) -> Judged:
    """A verdict that says on which data set it is."""
    claim = judged.claim
    named = replace(claim, id=f"{section}: {claim.id}", sentence=f"{section}: {claim.sentence}")
    return replace(judged, claim=named)


def _remarks(sections: Sequence[Report]) -> list[str]:
    """The remarks of all sections, with the data set where not all of them have it."""
    said = []
    for section in sections:
        for remark in section.remarks:
            common = all(remark in other.remarks for other in sections)
            said.append(remark if common else f"{section.section}: {remark}")
    return list(dict.fromkeys(said))


def prefix(section: str) -> str:
    """How the names of the figures of a data set begin."""
    return f"{re.sub(r'[^0-9A-Za-z-]+', '_', section)}--"
