"""The report in plain words: what marks, verdicts and turns of the budget mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lossbench.counting import counted
from lossbench.data.baseline import called
from lossbench.significant import alike, number
from lossbench.verdicts.budget import Crossing
from lossbench.verdicts.conditions import LOSS, label
from lossbench.verdicts.findings import Report
from lossbench.verdicts.pilot import impossible, spread_asks
from lossbench.verdicts.results import metrics_of, results
from lossbench.verdicts.table import Cell
from lossbench.verdicts.verdict import Judged


def marks_line(report: Report) -> str:
    """What the numbers and marks of the tables mean, or why there are no marks; everywhere the same line."""
    return f"{_marks_line(report)}{_baselines(report)}"


def _baselines(report: Report) -> str:
    """What the rows below the losses are, where there are some."""
    shown = any(row.endswith(called("")) for table in report.tables for row in table.rows)
    return "; (baseline) needs no training and has no part in marks and verdicts" if shown else ""


def _marks_line(report: Report) -> str:
    cells = [cell for table in report.tables for column in table.columns for cell in column.cells]
    spread, marks = _spread(cells), {cell.mark for cell in cells}
    if not report.family.pairs:
        return spread
    if not marks - {""}:
        what = "no marks" if report.experiment.claims else "no marks and no verdicts"
        why = impossible(report.seeds, len(report.family.pairs), "pair of losses")
        return f"{spread}; {what}: {why}"
    own = ", and where a claim asks just that, its verdict counts" if report.experiment.claims else ""
    tied = "; ~ no verdict separates it from the best" if "tied" in marks else ""
    return (
        f"{spread}; * best mean of a column{tied} (all pairs of losses in a metric, Holm-corrected "
        f"together{own}){_alone(report)}"
    )


def _alone(report: Report) -> str:
    """Which marks do not count the chance of the examples that seeds share."""
    columns = [column for table in report.by_metric for column in table.columns]
    alone = dict.fromkeys(column.head for column in columns if column.alone)
    if not alone:
        return ""
    marked = {column.head for column in columns if any(cell.mark for cell in column.cells)}
    which = "" if marked == alone.keys() else f" in {', '.join(alone)}"
    return f"; marks{which} rest on seeds alone"


def _spread(cells: Sequence[Cell]) -> str:
    counts = sorted({cell.n for cell in cells if cell.n}) or [0]
    if counts == [1]:
        return "result of one seed"
    told = f"mean ± standard deviation over {counts[0]}"
    return f"{told} to {counts[-1]} seeds, of those that all have" if len(counts) > 1 else f"{told} seeds"


def chances(report: Report) -> list[tuple[str, str, str, str]]:
    """For who must take one now: name, chance of the best mean, expected regret, share of seeds ahead."""
    return [
        (
            ": ".join(filter(None, (condition, name))),
            f"{c.best:.0%}",
            number(c.regret, 2),
            f"{c.seeds_better:.0%}",
        )
        for condition, told in report.decision.chances.items()
        for name, c in told.items()
    ]


def pairing_line(report: Report) -> str:
    """What pairing by seed gained."""
    gain = report.decision.gain
    if gain is None or not math.isfinite(gain):
        return ""
    return (
        f"Without pairing by seed {number(gain, 2)} times as many seeds would be needed (median of all pairs)"
    )


def asked(report: Report) -> str:
    """What the verdicts are corrected over: `all 3 pairs of losses`."""
    if report.experiment.claims:
        return "the claims"
    if report.sections:
        return "all pairs of losses of its data set"
    pairs = len(report.family.pairs)
    return "the pair of losses" if pairs == 1 else f"all {counted(pairs, 'pair of losses')}"


def holds_for(report: Report) -> str:
    """Which question the verdicts answer: whether they count the chance of the examples, too."""
    told = [judged.examples for judged in report.verdicts if not math.isnan(judged.estimate)]
    if not told:
        return ""
    new = "new groups of examples (people, places)" if report.in_groups else "new examples"
    if all(told):
        return f"Verdicts hold for these models on {new} of the same data, not for other data of its kind."
    if not any(told):
        return (
            "Seeds alone speak: the chance of examples that seeds share is not counted, for which runs must "
            "keep predictions (tracking.predictions=true). Of other data of this kind nothing is said."
        )
    return (
        f"{sum(told)} of {len(told)} verdicts hold for these models on {new} of the same data; in the "
        "others, where runs kept no predictions or diverged, seeds alone speak. Of other data of this kind "
        "nothing is said."
    )


def choice_line(report: Report) -> str:
    """How learning rates were chosen, if they were."""
    by = f"on validation: {meaning(report, report.select or 'nothing')}"
    how = {
        "all": f"{report.noun.capitalize()}s were chosen {by}",
        "some": f"{report.noun.capitalize()}s were chosen, where there was a choice, {by}",
        "none": f"No learning rate was chosen; the epoch was, {by}",
    }
    return how[report.rates_chosen]


def rates_head(report: Report) -> str:
    """What a list of learning rates is called."""
    how = {"all": "chosen on validation", "some": "chosen on validation where there was a choice"}
    return f"{report.noun}s, {how.get(report.rates_chosen, 'none of them chosen')}"


def verdict_line(judged: Judged) -> str:
    """The difference of a claim, or why there is none."""
    if math.isnan(judged.estimate):
        return judged.note
    return difference_text(judged.estimate, judged.low, judged.high)


def repeated_text(judged: Judged) -> str:
    """The interval that includes the choice of the rates: `choice [+0.21, +0.40]`; empty without a choice."""
    if judged.repeated is None or math.isnan(judged.estimate):
        return ""
    return f"choice {difference_text(judged.estimate, *judged.repeated).partition(' ')[2]}"


def difference_text(estimate: float, low: float, high: float) -> str:
    """`+0.31 [+0.25, +0.37]`, with the digits that the width of the interval deserves."""
    width = high - low
    known = math.isfinite(width) and width > 1e-6 * abs(estimate)  # else rounding, or no spread
    middle, below, above = alike([estimate, low, high], (width if known else abs(estimate)) / 4, sign=True)
    return f"{middle} [{below}, {above}]"


def p_text(p: float) -> str:
    """A p-value with two digits that count."""
    if math.isnan(p):
        return "-"
    return f"{p:.2g}" if p >= 0.001 else "<0.001"


def open_text(judged: Judged) -> str:
    """Why a claim is open, and what would settle it."""
    if judged.verdict != "inconclusive":
        return ""
    return judged.note or spread_asks(judged.n, judged.seeds)


def beside_text(judged: Judged) -> str:
    """What stands beside a verdict: `and better, at this budget, stated after runs existed`.

    A claim with a margin leaves unsaid whether there is a difference at all.
    """
    same = judged.verdict == "supported" or (judged.verdict == "refuted" and judged.beyond < 0)
    beyond = f"{'and' if same else 'but'} {'better' if judged.beyond > 0 else 'worse'}"
    told = {
        beyond: judged.beyond,
        "at this budget": judged.at_budget,
        "stated after runs existed": judged.stated_after,
    }
    return ", ".join(text for text, holds in told.items() if holds)


def leaders(report: Report) -> list[str]:
    """For each condition, how the best loss clearly changes as more learning rates are tried."""
    turns: dict[str, list[Crossing]] = {}
    for crossing in report.crossings:
        if crossing.leads:
            turns.setdefault(where(report, crossing.where), []).append(crossing)
    said = []
    for condition, own in turns.items():
        first, *later = sorted(own, key=lambda crossing: crossing.tried)
        follow = "".join(f", {turn.better} from {_from(turn)} on" for turn in later)
        start = f"{condition}: " if condition else ""
        turn = f"{first.better} from {_from(first)} {report.short}s on{follow}"
        said.append(f"{start}{first.worse} at first, {turn}")
    return said


def _from(crossing: Crossing) -> str:
    return f"{crossing.tried} [{crossing.behind}, {crossing.ahead}]"


def overtakings(report: Report) -> list[tuple[str, str, str, str]]:
    """Every pair whose order clearly turns: condition, who overtakes whom, from how many rates on."""
    return [(where(report, one.where), one.better, one.worse, _from(one)) for one in report.crossings]


def where(report: Report, condition: Mapping[str, Any]) -> str:
    """A condition apart from what competes, as tables and figures word it."""
    return label({LOSS: "", **condition}, [LOSS, *report.contenders.layout.axes]).removeprefix(", ")


def cross_line(report: Report) -> str:
    """In which units losses of values score in the cross table; empty where nobody predicts a value."""
    sized = [name for name, metric in metrics_of(report.runs).items() if metric.of_any_size]
    if not any(results(report.chosen, f"test/{name}").notna().any() for name in sized):
        return ""
    return (
        "On values a loss scores as it trains: targets are shifted by the median and divided by the spread "
        "of the training targets, so mae here is not in the units of the other tables."
    )


def meaning(report: Report, metric: str) -> str:
    """A metric in words: `rmse: root of the mean squared error, ...; lower is better`."""
    told = metrics_of(report.runs).get(metric)
    return f"{told.name}: {told.meaning}; {told.direction} is better" if told else metric
