"""Seeds, in rounds, until the answer is settled or the time is over."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.ask.question import EPOCHS, Question, described

if TYPE_CHECKING:
    from lossbench.verdicts.findings import Report

STEP, MOST = 5, 30  # seeds of a round, and in all
_FIRST_SHARE = 1 / 3  # of the time, in which the first round is to end
_USUAL = (1, 2, 5)  # times a power of ten: numbers of epochs to which training is cut, so that few differ


def answer(question: Question) -> None:
    """Train, look and print, round by round.

    Each look is recorded, so that further ones, also by `lossbench.report`, ask for a smaller p.
    """
    from lossbench.report.advice import settled_in
    from lossbench.tracking import resolve_uri
    from lossbench.train import train_many

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    begun = time.monotonic()
    uri = resolve_uri(None)
    _say(*described(question))
    full, question = question, _shortened(question)
    for upto in range(STEP, MOST + 1, STEP):
        start = time.monotonic()
        train_many(question.configs(range(upto)))
        report = _looked(question, uri)
        took = time.monotonic() - start
        spent = time.monotonic() - begun
        _say(f"\nAfter {upto} seeds and {spent:.0f} s:", *_answers(report))
        if settled_in(report) or upto == MOST:
            break
        if spent + took > question.seconds:
            more = max(5 * question.seconds, 2 * (spent + took))
            _say(
                f"\nStopped here, for {STEP} more seeds would take {took:.0f} s: seconds={more:.0f} goes on."
            )
            break
    _end(full, question, report)


def _shortened(question: Question) -> Question:
    """With less training where the first round would take too long."""
    if any(line.startswith(f"{EPOCHS}=") for line in question.setting):
        return question
    from lossbench.engines.local import Local
    from lossbench.job import jobs_from
    from lossbench.pack.plan import plan
    from lossbench.pack.timing import estimate

    planned = plan(jobs_from(question.configs(range(STEP))), Local(), max_members=128)
    seconds, most = estimate(planned).seconds, question.seconds * _FIRST_SHARE
    epochs = max(pack.epochs for pack in planned.packs)
    if seconds <= most:
        return question
    allowed = max(1, int(epochs * most / seconds))
    usual = [first * 10**power for power in range(6) for first in _USUAL]
    fewer = max(number for number in usual if number <= allowed)
    _say(
        f"Each run trains {fewer} of the {epochs} epochs that lossbench would give it, for the first {STEP} "
        f"seeds would take about {seconds:.0f} s: the answer is for so short a training."
    )
    return question.of_epochs(fewer)


def _looked(question: Question, uri: str) -> Report:
    """The report on all runs so far, written and recorded as any report is, but without figures."""
    from lossbench.claims.declared import load_experiment
    from lossbench.report.making import built, files, read
    from lossbench.report.request import Options

    experiment = load_experiment(question.name, question.folder)
    report = built(experiment, read(question.name, uri, {}), uri, {})
    files(report, uri, Path("experiments", question.name), Options(figures=False), recorded=True)
    return report


def _answers(report: Report) -> list[str]:
    from lossbench.report.advice import advice

    chances = list(report.decision.chances.values())
    told = (
        ", ".join(f"{name} {one.best:.0%}" for name, one in chances[0].items()) if len(chances) == 1 else ""
    )
    line = f"Chance of the best mean, from seeds drawn anew: {told}." if told else ""
    return [*advice(report), *filter(None, [line]), *(f"! {remark}" for remark in report.remarks)]


def _end(full: Question, question: Question, report: Report) -> None:
    from lossbench.report.advice import settled_in

    train, make = full.properly()
    folder = Path("experiments", question.name)
    _say(
        "",
        f"Tables and every verdict: {folder / 'report.html'}",
        "What would make it surer is more seeds, more trials and training to the end:"
        if not settled_in(report)
        else "Settled for this budget. With more trials, seeds and training to the end:",
        f"  {train}",
        f"  {make}",
    )


def _say(*lines: str) -> None:
    from lossbench.report.terminal import plain_console

    console = plain_console()
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=line.startswith("  "))
