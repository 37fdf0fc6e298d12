"""The report in plain words: which loss, how sure, and what would make it surer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from lossbench.metrics.names import METRICS
from lossbench.report.budget import Crossing
from lossbench.report.build import Report
from lossbench.report.conditions import LOSS, SEED, higher_is_better, label, results, show
from lossbench.report.contenders import loss_of
from lossbench.report.statistics import Region, fewest_seeds, paired_interval, seeds_to_settle
from lossbench.report.table import mark, rate_of, slices
from lossbench.report.verdicts import Judged

VERDICT_MARK = {"supported": "+", "refuted": "x", "inconclusive": "?"}
WORTHWHILE_SEEDS = 100  # a difference that needs more is of no use to whoever chooses a loss


def advice(report: Report) -> list[str]:
    """One sentence per condition (six at most): the loss to train with, and how sure that is.

    Knobs of a loss that were swept make contenders of their own: `huber, delta 0.3`.
    """
    rows, layout = report.contenders.rows, report.contenders.layout
    judged = rows.assign(value=results(rows, f"test/{report.judge}"))
    said = []
    for where, part in slices(judged, layout.axes)[:6]:
        values = part.pivot_table(index=SEED, columns=LOSS, values="value", observed=True)
        if values.shape[1] > 1:
            text = _advice(report, values, rate_of(part))
            said.append(f"{where}: {text}" if where else f"{text[0].upper()}{text[1:]}")
    return said


def _advice(report: Report, values: pd.DataFrame, rates: Mapping[str, float]) -> str:
    marks = mark(values, higher_is_better(report.judge))
    best = next(name for name, told in marks.items() if told == "best")
    tied = [name for name, told in marks.items() if told == "tied"]
    knobs = report.knobs.get(loss_of(best), "")
    start = (
        f"train with {best}{f' ({knobs})' if knobs else ''} at learning rate {show(rates[best])}: "
        f"best mean test {report.judge} ({values[best].mean():.4g}, {len(values)} seeds)"
    )
    others = values.shape[1] - 1
    if len(values) < (fewest := fewest_seeds(others)):
        count = f"{len(values)} seed{'s' * (len(values) > 1)}"
        return f"{start}, ahead, but {count} cannot settle it, {fewest} can."
    if not tied:
        return f"{start}, better than every other loss here beyond the chance of the seeds."
    return f"{start}, but {_join(tied)} cannot be told from it{_more_seeds(values, best, tied, others)}."


def _more_seeds(values: pd.DataFrame, best: str, tied: Sequence[str], others: int) -> str:
    """What would make the advice surer: seeds, or nothing that is worth its price."""
    needed = []
    for name in tied:
        differences = (values[best] - values[name]).dropna()
        if len(differences) > 1:
            interval = paired_interval(differences.to_numpy(float))
            needed.append(seeds_to_settle(interval, Region(low=0.0), others) or math.inf)
    if not needed or len(values) >= min(needed):
        return ""
    if min(needed) > WORTHWHILE_SEEDS:
        these = "the two" if len(tied) == 1 else "them"
        return f"; more than {WORTHWHILE_SEEDS} seeds would be needed to separate {these}, so take either"
    return f"; about {min(needed):g} seeds would begin to separate them"


def knobs_line(report: Report) -> str:
    """The knobs that the names of the losses do not tell."""
    told = "; ".join(f"{loss}: {knobs}" for loss, knobs in report.knobs.items())
    return f"Knobs of the losses: {told}" if told else ""


def verdict_line(judged: Judged) -> str:
    """The difference of a claim, or why there is none."""
    if math.isnan(judged.estimate):
        return judged.note
    return difference_text(judged.estimate, judged.low, judged.high)


def difference_text(estimate: float, low: float, high: float) -> str:
    """`+0.31 [+0.25, +0.37]`, with the digits that the width of the interval deserves."""
    digits = decimals(high - low, estimate)
    numbers = [f"{value:+.{digits}f}" for value in (estimate, low, high)]
    return f"{numbers[0]} [{numbers[1]}, {numbers[2]}]"


def decimals(width: float, estimate: float) -> int:
    """Digits after the point that the width of an interval deserves."""
    known = math.isfinite(width) and width > 1e-6 * abs(estimate)  # else rounding, or no spread
    size = width if known else abs(estimate)
    return min(6, max(1, math.ceil(-math.log10(size / 4)))) if size > 0 else 1


def p_text(p: float) -> str:
    """A p-value with two digits that count."""
    if math.isnan(p):
        return "-"
    return f"{p:.2g}" if p >= 0.001 else "<0.001"


def open_text(judged: Judged) -> str:
    """Why a claim is open, and what would settle it."""
    if judged.verdict != "inconclusive":
        return ""
    if judged.note:
        return judged.note
    if judged.seeds is None or judged.seeds > WORTHWHILE_SEEDS:
        return f"more than {WORTHWHILE_SEEDS} seeds would be needed to settle it"
    return f"about {judged.seeds} seeds would settle it"


def claim_rule(judged: Judged) -> str:
    """What exactly was tested: `test rmse: huber, contamination 0.2 better than mse, contamination 0.2`."""
    claim = judged.claim
    words = {"better": "better than", "as_good_as": "as good as", "no_worse": "no worse than"}
    by = f" by more than {claim.margin:g}" if claim.margin else ""
    tail = by if claim.kind == "better" else f" within {claim.margin:g}"
    start = f", change from {_selection(claim.change_from)}" if claim.change_from else ""
    left, right = _selection(claim.left), _selection(claim.right)
    return f"test {claim.metric}: ({left}) {words[claim.kind]} ({right}){tail}{start}"


def _selection(selection: object) -> str:
    assert hasattr(selection, "items")
    parts = []
    for key, value in selection.items():
        name = key.split(".", 1)[-1].replace("_", " ")
        texts = [show(item) for item in value] if isinstance(value, (list, tuple)) else [show(value)]
        parts.append("/".join(texts) if key in ("loss", "data", "model") else f"{name} {'/'.join(texts)}")
    return ", ".join(parts)


def leaders(report: Report) -> list[str]:
    """For each condition, how the best loss changes as more learning rates are tried; where it does."""
    turns: dict[str, list[Crossing]] = {}
    for crossing in report.crossings:
        if crossing.leads:
            turns.setdefault(_where(report, crossing), []).append(crossing)
    said = []
    for where, own in turns.items():
        first, *later = sorted(own, key=lambda crossing: crossing.tried)
        follow = "".join(f", {turn.better} from {turn.tried} on" for turn in later)
        start = f"{where}: " if where else ""
        said.append(f"{start}{first.worse} at first, {first.better} from {first.tried} rates on{follow}")
    return said


def overtakings(report: Report) -> list[tuple[str, str, str, int]]:
    """Every pair whose order turns: condition, who overtakes, who is overtaken, from how many rates on."""
    return [(_where(report, one), one.better, one.worse, one.tried) for one in report.crossings]


def _where(report: Report, crossing: Crossing) -> str:
    return label({LOSS: "", **crossing.where}, [LOSS, *report.contenders.layout.axes]).removeprefix(", ")


def meaning(metric: str) -> str:
    """`rmse (root of the mean squared error, ...; lower is better)`."""
    if metric not in METRICS:
        return metric
    told = METRICS[metric]
    return f"{metric}: {told.meaning}; {'higher' if told.higher_is_better else 'lower'} is better"


def _join(names: Sequence[str]) -> str:
    """`a, b and c`; names with knobs, which hold commas themselves, with semicolons."""
    between = "; " if any("," in name for name in names) else ", "
    return names[0] if len(names) == 1 else f"{between.join(names[:-1])} and {names[-1]}"
