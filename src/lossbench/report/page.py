"""The report as Markdown (README.md, MLflow) and as one HTML page that needs nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lossbench.counting import counted
from lossbench.report import loss_words, words
from lossbench.report.advice import advice
from lossbench.report.picture import Pictures
from lossbench.report.rendering import rendered, rendered_html
from lossbench.significant import number
from lossbench.verdicts.conditions import RATE, grid_of
from lossbench.verdicts.selecting import assignments
from lossbench.verdicts.spelling import in_words, show
from lossbench.verdicts.statistics import ALPHA
from lossbench.verdicts.table import trial_of
from lossbench.verdicts.together import prefix
from lossbench.verdicts.tuned import setting

if TYPE_CHECKING:
    from lossbench.claims.claim import Experiment
    from lossbench.verdicts.findings import Report
    from lossbench.verdicts.verdict import Judged


_VERDICT_NOTE = (
    "The difference is left minus right, paired by seed, positive where left is better; below it the "
    "interval in which the {noun}s are chosen again on seeds drawn anew, without the luck that "
    "validation and test of a run share. p is that of a sign-flip permutation test (of the sign test where "
    "runs diverged), Holm-corrected over {asked}. `supported` and `refuted` need both intervals on one side "
    "and p of at most {alpha}."
)

# Every name that the templates ask for, as it is where there is nothing to show.
_NOTHING = (
    *("advice", "remarks", "judge", "data", "grid", "verdicts", "no_verdicts", "calibration", "breakdown"),
    *("tables", "details", "cross", "cross_line", "rates", "leaders", "overtakings", "ranks", "knobs"),
    *(
        "chances",
        "pairing",
        "legend",
        "choice",
        "rates_head",
        "counts",
        "title",
        "parts",
        "importance",
        "elicits",
    ),
)
# What they show of a report that has only verdicts.
EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(_NOTHING, ""),
    "verdict_heads": ("difference [95%]", "p", "n"),
    "verdict_note": _VERDICT_NOTE.format(asked="the claims", alpha=ALPHA, noun="learning rate"),
    "noun": "learning rate",
    "short": "rate",
    "figures": {},
    "level": "##",
}


def context(report: Report, figures: Pictures) -> dict[str, Any]:
    """What both pages show: figures, texts and tables."""
    experiment = report.experiment
    return {
        **EMPTY,
        "name": experiment.name,
        "question": experiment.question or f"Runs recorded as {experiment.name}.",
        "commands": commands(experiment, assignments(report.selection)),
        "advice": advice(report),
        "remarks": report.remarks,
        "data": report.data,
        "grid": [(key, ", ".join(map(show, values))) for key, values in grid_of(report.runs).items()],
        "counts": f"{counted(len(report.runs), 'run')}, {counted(report.seeds, 'seed')}.",
        "figures": figures,
        **(_together(report, figures) if report.sections else _results(report)),
    }


def _together(report: Report, figures: Pictures) -> dict[str, Any]:
    """Of several data sets the parts: what they share, then one for each, with the figures of its name.

    Their tables stand together for the short form of the report.
    """
    left, parts = dict(figures), []
    for one in report.sections:
        own = {name: text for name, text in figures.items() if name.startswith(prefix(one.section))}
        left = {name: text for name, text in left.items() if name not in own}
        parts.append({**_results(one), "figures": own, "title": one.section, "level": "###"})
    shared = {
        "verdicts": [_verdict(judged) for judged in report.verdicts],
        "verdict_note": _note(report),
        "ranks": _ranks(report),
    }
    verdicts = shared["verdicts"] if report.experiment.claims else ()
    first = {**shared, "figures": left, "tables": (), "verdicts": verdicts}
    titled = [
        replace(table, title=", ".join(filter(None, (one.section, table.title))))
        for one in report.sections
        for table in one.by_axis or one.by_metric
    ]
    legends = dict.fromkeys(words.marks_line(one) for one in report.sections)
    return {**shared, "parts": [first, *parts], "tables": titled, "legend": ". ".join(legends)}


def _results(report: Report) -> dict[str, Any]:
    """What the report on one data set shows."""
    first = report.by_axis or report.by_metric
    return {
        "judge": words.meaning(report, report.judge),
        "choice": words.choice_line(report),
        "rates_head": words.rates_head(report),
        "noun": report.noun,
        "short": report.short,
        "importance": report.importance,
        "legend": words.marks_line(report),
        "verdicts": [_verdict(judged) for judged in report.verdicts],
        "verdict_note": _note(report),
        "ranks": _ranks(report),
        "no_verdicts": report.no_verdicts,
        "breakdown": report.breakdown and report.breakdown.table(),
        "tables": first,
        "details": report.by_metric if report.by_axis else (),
        "cross": report.cross,
        "cross_line": words.cross_line(report),
        "rates": _rates(report),
        "chances": words.chances(report),
        "pairing": words.pairing_line(report),
        "knobs": loss_words.knobs_line(report),
        "elicits": loss_words.elicited(report, first[0].rows if first else ()),
        "leaders": words.leaders(report),
        "overtakings": words.overtakings(report),
    }


def commands(experiment: Experiment, selected: Sequence[str] = ()) -> list[str]:
    """What makes the runs and this report again, which is on those that `selected` assignments leave.

    Runs that no YAML describes are made again one by one.
    """
    named = experiment.config or (f"experiment={experiment.name}",)
    filtered = [*selected, "report.out=FOLDER"] if selected else []
    report = f"python -m lossbench.report {shlex.join([*named, *experiment.overrides, *filtered])}"
    if experiment.config is None:
        return [report, "python -m lossbench.rerun RUN_ID    # any one run, from what MLflow holds of it"]
    sweep = shlex.join([*experiment.config[:-1], "-m", experiment.config[-1], *experiment.overrides])
    return [f"python -m lossbench {sweep}", report]


def markdown(report: Report, figures: Pictures, calibration: str = "") -> str:
    """README.md; images lie beside it.

    calibration: the page on how often such verdicts are wrong, as seen from this one; none is linked.
    """
    return rendered("page.md.j2", {**context(report, figures), "calibration": calibration})


def summary(report: Report) -> str:
    """The short form for the description of a run in MLflow."""
    return rendered("summary.md.j2", context(report, {}))


def answer(report: Report) -> str:
    """The shortest form, for the description of the experiment in MLflow: its first line is plain."""
    return rendered("answer.md.j2", context(report, {})).strip()


def html(report: Report, figures: Pictures) -> str:
    """One self-contained page; figures are left out from the last on where it would pass 3 MB."""
    return rendered_html(context(report, figures))


def _note(report: Report) -> str:
    alpha = number(report.looks.alpha, 2) if report.looks.earlier else f"{ALPHA:g}"
    note = _VERDICT_NOTE.format(asked=words.asked(report), alpha=alpha, noun=report.noun)
    return f"{note} {words.holds_for(report)}".strip()


def _verdict(judged: Judged) -> dict[str, Any]:
    claim = judged.claim
    return {
        "id": claim.id,
        "verdict": judged.verdict,
        "sentence": claim.sentence,
        "source": claim.source,
        "rule": _rule(judged),
        "difference": words.verdict_line(judged),
        "repeated": words.repeated_text(judged),
        "p": words.p_text(judged.adjusted_p),
        "n": judged.n,
        "note": words.open_text(judged),
        "beside": words.beside_text(judged),
    }


def _rule(judged: Judged) -> str:
    """What exactly was tested: `test rmse: huber, contamination 0.2 better than mse, contamination 0.2`."""
    claim = judged.claim
    means = {"better": "better than", "as_good_as": "as good as", "no_worse": "no worse than"}
    more = f" by more than {claim.margin:g}" if claim.margin else ""
    tail = more if claim.kind == "better" else f" within {claim.margin:g}"
    start = f", change from {_selection(claim.change_from)}" if claim.change_from else ""
    left, right = _selection(claim.left), _selection(claim.right)
    trials = f"; {judged.settings}" if judged.settings else ""
    return f"test {claim.metric}: ({left}) {means[claim.kind]} ({right}){tail}{start}{trials}"


def _selection(selection: Mapping[str, Any]) -> str:
    parts = []
    for key, value in selection.items():
        name = in_words(key)
        text = "/".join(map(show, value if isinstance(value, list) else [value]))
        parts.append(text if key in ("loss", "data", "model") else f"{name} {text}")
    return ", ".join(parts)


def _rates(report: Report) -> list[tuple[str, Sequence[str]]]:
    """The chosen rates: one row per loss, one column per condition."""
    from lossbench.verdicts.contenders import slices

    rows, layout = report.contenders.rows, report.contenders.layout
    parts = slices(rows, layout.axes)
    heads = [title or RATE for title, _ in parts]
    rates = [trial_of(part) for _, part in parts]
    body = [
        (loss, [setting(rate[loss]) if loss in rate else "-" for rate in rates]) for loss in layout.losses
    ]
    return [("", heads), *body]


def _ranks(report: Report) -> str:
    if report.ranks is None:
        return ""
    order = ", ".join(f"{loss} {rank:.2f}" for loss, rank in report.ranks.mean_ranks.items())
    said = (
        f"Mean ranks over {report.ranks.conditions} conditions: {order}. "
        f"Friedman's p that all losses are alike: {words.p_text(report.ranks.p)}."
    )
    if report.runs["data.name"].nunique() > 1:
        return said
    return (
        f"{said} The conditions are variants of one data set and not independent, as both tests assume: "
        "ranks and p describe these conditions and do not speak for other data."
    )
