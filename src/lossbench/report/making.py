"""From recorded runs to a report, and from it to its files."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.claims.declared import shipped
from lossbench.errors import InputError, suggestion
from lossbench.report.picture import Pictures
from lossbench.report.request import Options

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.claims.claim import Experiment
    from lossbench.verdicts.findings import Report


def read(experiment: str, uri: str, selection: Mapping[str, Any]) -> pd.DataFrame:
    """The runs of an experiment that a selection leaves.

    Raises:
        InputError: neither MLflow nor a YAML knows the name, it was deleted in MLflow, or no run is as the
            selection says.
    """
    from lossbench.tracking import read_runs

    runs = read_runs(uri, experiment)
    if runs.empty:
        from lossbench.tracking.address import parse as address
        from lossbench.tracking.conversion import deleted_experiment
        from lossbench.tracking.reader import reading

        with reading(address(uri)) as records:
            if (number := records.deleted(experiment)) is not None:
                raise deleted_experiment(experiment, number)
            known = {*records.experiments(), *shipped()} - {"Default"}
        if experiment not in known:  # it is probably misspelt
            raise InputError(
                f"Nothing is recorded as experiment={experiment} ({suggestion(experiment, known)})."
            )
    if runs.empty or not selection:
        return runs
    from lossbench.verdicts.selecting import chosen

    return chosen(runs, selection)


def built(experiment: Experiment, runs: pd.DataFrame, uri: str, selection: Mapping[str, Any]) -> Report:
    """The report, with all that runs kept beside their results."""
    from lossbench.tracking import baselines, read_histories, read_runs
    from lossbench.verdicts import looks
    from lossbench.verdicts.build import build
    from lossbench.verdicts.predictions import reader
    from lossbench.verdicts.results import select_of

    if runs.empty:
        return build(experiment, runs)  # which refuses it
    histories = functools.partial(read_histories, uri)
    looked = looks.recorded(uri, experiment.name)
    beside = read_runs(uri, experiment.name, (baselines.KIND,))
    return build(experiment, runs, select_of(runs), selection, histories, reader(uri, runs), looked, beside)


def files(report: Report, uri: str, folder: Path, options: Options, *, recorded: bool) -> str:
    """Write and record them; what to say of it."""
    from lossbench.report.write import write, written

    figures: Pictures = {}
    remark: str | None = None
    if options.figures:
        from lossbench.report.figures import draw
        from lossbench.report.figures.stored import unread

        figures = draw(report, uri)
        if remark := unread(uri, report.chosen):
            report = replace(report, remarks=(*report.remarks, remark))
    write(report, folder, figures)
    if recorded:
        from lossbench.report.page import answer, summary
        from lossbench.report.record import record

        record(uri, report.experiment.name, folder, summary(report), report.looks.tag(), answer(report))
    return f"\n! {remark}\n{written(folder, figures)}" if remark else written(folder, figures)
