"""The answer in plain words: which loss, how sure, and what would make it surer."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossbench.config.folders import RATE
from lossbench.counting import counted
from lossbench.significant import number
from lossbench.verdicts.conditions import LOSS
from lossbench.verdicts.contenders import loss_of, on_shared_seeds, slices
from lossbench.verdicts.findings import Report
from lossbench.verdicts.pilot import WORTHWHILE, Asked, beyond_worth, joined, possible, spread_asks
from lossbench.verdicts.spelling import show
from lossbench.verdicts.table import trial_of
from lossbench.verdicts.tuned import knobs_of


def advice(report: Report) -> list[str]:
    """One sentence per condition (six at most): the loss to train with, and how sure that is.

    Knobs of a loss that were swept make contenders of their own, `huber, delta 0.3`; among those of one loss
    validation chooses, as it chose the learning rate.
    """
    if report.sections:
        return [f"{one.section}{_below(line)}" for one in report.sections for line in advice(one)]
    said = []
    for where, answer in _each(report):
        text = answer.text()
        said.append(f"{where}: {text}" if where else f"{text[0].upper()}{text[1:]}")
    return said


def _each(report: Report) -> Iterator[tuple[str, _Answer]]:
    """The answer in each condition, six at most, with the condition in words."""
    rows, layout = report.contenders.rows, report.contenders.layout
    for where, part in slices(rows, layout.axes)[:6]:
        own = on_shared_seeds(part, report.family.metric)
        if len(means := {str(name): float(mean) for name, mean in own.mean().items()}) > 1:
            counts = {str(name): int(count) for name, count in own.count().items()}
            late = {str(name) for name in part.loc[part["run_id"].isin(report.unended), LOSS]}
            hardest = report.baselines.hardest(part, report.family.metric, higher=report.family.higher)
            yield where, _Answer(report, where, means, counts, trial_of(part), late, hardest)


def settled_in(report: Report) -> bool:
    """Whether more seeds would change no answer: each is sure, or needs more seeds than it is worth."""
    if report.sections:
        return all(map(settled_in, report.sections))
    return all(answer.settled for _, answer in _each(report))


def _below(line: str) -> str:
    """A line behind the name of its data set: `: train with ...`, `, contamination 0.2: train with ...`."""
    return f": {line[0].lower()}{line[1:]}" if line.startswith("Train") else f", {line}"


@dataclass(frozen=True)
class _Answer:
    """The answer under one condition; means, numbers of seeds and chosen trials by contender.

    late: contenders whose training had not ended
    hardest: for contenders that are no better than a baseline, its name and mean
    """

    report: Report
    where: str
    means: Mapping[str, float]
    counts: Mapping[str, int]
    trials: Mapping[str, Mapping[Hashable, Any]]
    late: Collection[str]
    hardest: Mapping[str, tuple[str, float]]

    def text(self) -> str:
        report, pick = self.report, self.pick
        trial = self.trials[pick]
        tuned, fixed = knobs_of(trial), report.knobs.get(loss_of(pick), "")
        knobs = ", ".join(filter(None, [*tuned, fixed]))
        ahead = pick == self._best(self.means)
        swept = sum(loss_of(name) == loss_of(pick) for name in self.means) > 1
        among = f", chosen of {counted(trial['tried'], 'trial')}" if report.noun == "trial" else ""
        start = (
            f"train with {pick}{f' ({knobs})' if knobs else ''} at learning rate "
            f"{show(float(trial[RATE]))}{among}: "
            f"{'chosen on validation, ' if swept else ''}{'best ' if ahead else ''}mean test {report.judge} "
            f"({number(self.means[pick])}, {counted(self.counts[pick], 'seed')})"
        )
        budget = " (at this budget)" if {pick, *self.others} & set(self.late) else ""
        return f"{start}{self._how_sure(ahead)}{budget}.{self._unbeaten(pick)}"

    def _unbeaten(self, pick: str) -> str:
        """That the pick itself has not learned what a baseline knows."""
        if pick not in self.hardest:
            return ""
        name, mean = self.hardest[pick]
        return f" The baseline {name} is no worse: {number(mean)}."

    @property
    def _validated(self) -> list[str]:
        """One contender of each loss, that validation chose."""
        named = self.report.finalists.get(self.where, ())
        return [name for name in self.means if name in named]

    @property
    def pick(self) -> str:
        """The best of those that validation chose."""
        return self._best(self._validated or self.means)

    @property
    def others(self) -> list[str]:
        """What the pick is compared with: other losses, or the other settings of the only one."""
        among = self._validated if len(self._validated) > 1 else self.means
        return [name for name in among if name != self.pick]

    @property
    def settled(self) -> bool:
        """Whether it is better than all others, or nobody would train as many seeds as would tell."""
        family, where = self.report.family, self.where
        if not family.possible(where):
            return False
        open_ = [name for name in self.others if family.decision(where, self.pick, name) != 1]
        return not open_ or beyond_worth(self._asked(open_))

    def _best(self, names: Iterable[str]) -> str:
        best = max if self.report.family.higher else min
        return str(best(names, key=lambda name: self.means[name]))

    def _how_sure(self, ahead: bool) -> str:
        family, where = self.report.family, self.where
        same = [name for name in self.others if self.means[name] == self.means[self.pick]]
        others = [name for name in self.others if name not in same]
        give = "gives" if len(same) == 1 else "give"
        tie = f", and {_join(same)} {give} exactly the same" if same else ""
        if not others:
            return tie
        found = {name: family.decision(where, self.pick, name) for name in others}
        if not family.possible(where):
            seeds = family.shared_seeds(where)
            needed = possible(family.fewest, self._asked(others))
            lead, what = ", ahead, but " if ahead and not same else ", but ", "the rest" if same else "it"
            return f"{tie}{lead}{counted(seeds, 'seed')} cannot settle {what}: a verdict is {needed}"
        kind = "loss" if len(self._validated) > 1 else "setting"
        if all(decision == 1 for decision in found.values()):
            return f"{tie}, better than every other {kind} here beyond the chance of the seeds"
        better = [name for name, decision in found.items() if decision == -1]
        open_ = [name for name, decision in found.items() if decision == 0]
        told = []
        if better:
            are = "is" if len(better) == 1 else "are"
            told.append(f"{_join(better)} {are} better on test beyond the chance of the seeds")
        if open_:
            told.append(f"{_join(open_)} cannot be told from it{self._more(open_)}")
        return f"{tie}, but {' and '.join(told)}"

    def _asked(self, names: Sequence[str]) -> Asked | None:
        """What the spread asks for until the first of the pairs is settled."""
        family = self.report.family
        return joined([family.seeds_asked(self.where, self.pick, name) for name in names])

    def _more(self, open_: Sequence[str]) -> str:
        """What would make the answer surer: seeds, or nothing that is worth its price."""
        asked = self._asked(open_)
        if beyond_worth(asked):
            these = "the two" if len(open_) == 1 else "them"
            return f"; more than {WORTHWHILE} seeds would be needed to separate {these}, so take either"
        begin = "" if len(open_) == 1 else " to begin to separate them"
        return f"; {spread_asks(self.counts[self.pick], asked)}{begin}"


def _join(names: Sequence[str]) -> str:
    """`a, b and c`; names with knobs, which hold commas themselves, with semicolons."""
    between = "; " if any("," in name for name in names) else ", "
    return names[0] if len(names) == 1 else f"{between.join(names[:-1])} and {names[-1]}"
