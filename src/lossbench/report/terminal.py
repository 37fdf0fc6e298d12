"""The report in a terminal or a pipe: at most 100 columns, marks that need no colour."""

from __future__ import annotations

import math
import textwrap

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from lossbench.report import loss_words, words
from lossbench.report.advice import advice
from lossbench.verdicts.findings import Report
from lossbench.verdicts.table import Column, Table, trial_of
from lossbench.verdicts.tuned import setting

WIDTH = 100
_NARROW = 16  # what stands beside a verdict; `at this budget` is one line
_GAP = 3  # between columns: padding on both sides, and the box's own
_MARKS = {"best": "*", "tied": "~", "": " "}
_STYLES = {"best": "bold green", "tied": "green", "": ""}
_VERDICTS = {"supported": "green", "refuted": "red", "inconclusive": "yellow"}


def show(report: Report, console: Console | None = None) -> None:
    """Print remarks, tables and verdicts."""
    console = console or plain_console()
    console.print(Text(f"{report.experiment.name}", style="bold"), end="")
    console.print(f"  {report.experiment.question or ''}", highlight=False)
    for line in advice(report):
        console.print(Padding(Text(line), (0, 0, 0, 2)))
    for remark in report.remarks:
        console.print(Padding(Text(f"! {remark}", style="yellow"), (0, 0, 0, 2)))
    for part in report.sections or (report,):
        if report.sections:
            console.print(Text(f"\n{part.section}", style="bold"), end="")
            console.print(f"  judged by {part.judge}", highlight=False)
        _results(part, console)
    if report.sections and report.experiment.claims:
        _judgements(report, console)


def _results(report: Report, console: Console) -> None:
    """Tables, what their marks mean, and verdicts."""
    for table in report.by_axis or report.by_metric:
        for part in _split(table):
            console.print()
            console.print(_grid(part, arrows=not report.by_axis))
    console.print()
    rates = _rates(report)
    told = (
        words.marks_line(report),
        f"{words.rates_head(report)}: {rates}" if rates else "",
        loss_words.elicited_line(report),
        loss_words.knobs_line(report),
        f"verdicts: {report.no_verdicts}" if report.no_verdicts else "",
    )
    for line in filter(None, told):
        console.print(Text(line, style="dim"))
    if report.verdicts:
        _judgements(report, console)


def _judgements(report: Report, console: Console) -> None:
    console.print()
    console.print(_verdicts(report))
    repeated = any(judged.repeated for judged in report.verdicts)
    choice = f" and (choice) the one that chooses the {report.noun}s again, both of which decide"
    told = (
        "difference: left minus right, positive where left is better, with its 95% interval"
        f"{choice * repeated}; p: sign-flip test, Holm-corrected over {words.asked(report)}"
    )
    console.print(Text(told, style="dim"))
    if holds := words.holds_for(report):
        console.print(Text(holds, style="dim"))


def plain_console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal or console.width > WIDTH:
        console.width = WIDTH
    return console


def _split(table: Table) -> list[Table]:
    """Parts that fit the width; columns stay in order."""
    room = WIDTH - max(map(len, table.rows))
    parts: list[list[Column]] = [[]]
    left = room
    for column in table.columns:
        width = _GAP + max(
            len(column.head) + 2, *(len(_text(column, place)) for place in range(len(table.rows)))
        )
        if width > left and parts[-1]:
            parts.append([])
            left = room
        left -= width
        parts[-1].append(column)
    return [Table(table.title, table.rows, tuple(columns)) for columns in parts]


def _text(column: Column, place: int) -> str:
    return column.text(place, "") + _MARKS[column.cells[place].mark]


def _grid(table: Table, arrows: bool) -> Grid:
    grid = Grid(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=False,
        title=table.title or None,
        title_justify="left",
    )
    grid.add_column("loss", no_wrap=True)
    for column in table.columns:
        arrow = {"higher": " ↑", "lower": " ↓", "": ""}[column.better] if arrows else ""
        grid.add_column(f"{column.head}{arrow}", justify="right", no_wrap=True)
    for place, loss in enumerate(table.rows):
        cells = [Text(_text(column, place), _STYLES[column.cells[place].mark]) for column in table.columns]
        grid.add_row(loss, *cells)
    return grid


def _rates(report: Report) -> str:
    """The chosen learning rates, where each loss has one; of trials, the rows of the tables tell."""
    if report.contenders.layout.axes or report.noun == "trial":
        return ""
    return ", ".join(f"{loss} {setting(row)}" for loss, row in trial_of(report.contenders.rows).items())


def _verdicts(report: Report) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("claim", ratio=1)
    grid.add_column("difference", no_wrap=True)
    for head in ("p", "n"):
        grid.add_column(head, justify="right", no_wrap=True)
    for judged in report.verdicts:
        sentence = Text(judged.claim.sentence)
        if note := words.open_text(judged):
            sentence.append(f" ({note})", style="dim")
        difference = Text("-" if math.isnan(judged.estimate) else words.verdict_line(judged))
        if repeated := words.repeated_text(judged):
            difference.append(f"\n{repeated}", style="dim")
        verdict = Text(judged.verdict, style=_VERDICTS[judged.verdict])
        if beside := words.beside_text(judged):
            verdict.append("\n" + textwrap.fill(beside, _NARROW), style="dim")
        grid.add_row(verdict, sentence, difference, words.p_text(judged.adjusted_p), str(judged.n))
    return grid
