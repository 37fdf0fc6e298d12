"""The description of a summary run: Markdown that MLflow shows on its page."""

from __future__ import annotations

import pandas as pd

from lossbench.counting import counted
from lossbench.review.summary import Compared, Summary
from lossbench.significant import alike, number
from lossbench.verdicts.conditions import RATE
from lossbench.verdicts.tuned import noun, setting, values_of

_SPACE = "\N{NO-BREAK SPACE}"


def describe(summary: Summary, compared: Compared) -> str:
    """What the condition is, its test results and the learning rates that were tried."""
    if summary.baseline:
        return _of_baseline(summary, compared)
    counts = {name: int(summary.metrics[f"total/{name}"]) for name in ("seeds", "diverged", "failed")}
    seeds = counted(counts["seeds"], "seed")
    lost = [f"{counts[name]} {name}" for name in ("diverged", "failed") if counts[name]]
    model = summary.params.get("model.name", "several models")
    said = [
        f"**{summary.name}**: {model} on {summary.data}, mean of {seeds} at "
        f"{noun(summary.rates)} {_chosen(summary)}" + (f" ({', '.join(lost)})" if lost else ""),
        _results(summary, compared),
        f"{noun(summary.rates).capitalize()}s tried:",
        _rates(summary.rates, compared.select),
        ("" if counts["seeds"] == 1 else "Curves are means over seeds. ")
        + "The runs themselves are nested below; "
        "this summary is made from them, and made again at the end of every sweep.",
    ]
    return "\n\n".join(said)


def _of_baseline(summary: Summary, compared: Compared) -> str:
    seeds = counted(int(summary.metrics["total/seeds"]), "seed")
    said = [
        f"**{summary.name}**: on {summary.data}, mean of {seeds}",
        _results(summary, compared),
        "It needs no training: what a loss has to beat. It takes part in no choice and in no verdict.",
    ]
    return "\n\n".join(said)


def _results(summary: Summary, compared: Compared) -> str:
    """A row per test metric, the judging one first and bold."""
    lines = [_row("test metric", "mean", "95% interval", "better"), "| --- | --- | --- | --- |"]
    names = [name for name in compared.metrics if f"test/{name}" in summary.metrics]
    for name in sorted(names, key=lambda name: name != compared.judge):
        mean = summary.metrics[f"test/{name}"]
        low = summary.metrics.get(f"test_interval/{name}_low")
        high = summary.metrics.get(f"test_interval/{name}_high")
        middle, interval = number(mean), "-"
        if low is not None and high is not None:
            middle, *ends = alike([mean, low, high], (high - low) / 40)
            interval = " to ".join(ends)
        shown = f"**{name}**" if name == compared.judge else name
        lines.append(_row(shown, middle, interval, compared.metrics[name].direction))
    return "\n".join(lines)


def _rates(rates: pd.DataFrame, select: str) -> str:
    """A row per trial, the chosen one bold."""
    head = _row(noun(rates), f"validation {select}", "finished", "diverged")
    lines = [head, "| --- | --- | --- | --- |"]
    told = "chosen" if len(rates) > 1 else "the only one tried"
    for row in rates.sort_values(RATE).to_dict("records"):
        rate = f"**{setting(row)}** ({told})" if row["rank"] == 0 else setting(row)
        value = "-" if pd.isna(row["validation"]) else number(row["validation"])
        lines.append(_row(rate, value, str(row["finished"]), str(row["diverged"])))
    return "\n".join(lines)


def _chosen(summary: Summary) -> str:
    best = summary.rates[summary.rates["rank"] == 0].to_dict("records")
    if values_of(summary.rates) and best:
        return setting(best[0])
    return summary.params.get(RATE, "?")


def _row(*cells: str) -> str:
    """A row of a table; MLflow leaves no room between columns, so each cell brings its own."""
    return "| " + " | ".join(f"{cell}{_SPACE * 3}" for cell in cells) + " |"
