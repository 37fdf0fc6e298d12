"""`python -m lossbench.report experiment=<name>`: from MLflow to table, verdicts and figures.

experiment=outliers        an experiment of conf/experiment, or any name that runs were recorded under
experiment.judge=mae       instead of what the experiment's YAML says; so with select, and name
experiment=anatomy         each loss against its textbook property; nothing is trained or read
tracking.uri=...           where the runs are; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db
report.out=folder          where files go; default: experiments/<name>
report.figures=false       no figures
report.files=false         no files at all: the table alone
report.record=false        no report run in MLflow
data.contamination=0.2     any other override: only the runs that have it; no files then, unless report.out
                           names a folder, and no report run: the recorded report speaks for all runs
data.fingerprint=1a2b3c    only the runs that saw this data, where a file has changed between them
code=1a2b3c                only the runs by this version of a file of your own code
loss=mse,mae               several values; one that is a list stands in brackets: model.hidden=[8,8]
--config-dir mine          experiments of your own: mine/experiment/<name>.yaml
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.claims.declared import load_experiment, shipped
from lossbench.cli import command
from lossbench.config.folders import shadowing
from lossbench.config.naming import ANATOMY, is_file_name
from lossbench.errors import InputError, suggestion
from lossbench.report.made import check
from lossbench.report.request import Options, Request, parse

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.claims.claim import Experiment
    from lossbench.verdicts.findings import Report


def main(arguments: Sequence[str]) -> None:
    """Make the report that the command line asks for."""
    request = parse(arguments)
    if request.experiment == ANATOMY:
        _anatomy(request)
        return
    if request.folder and (told := shadowing(request.folder)):
        print(told, file=sys.stderr)
    experiment = load_experiment(request.experiment, request.folder, request.instead)
    folder = _folder(request, experiment.name)

    from lossbench.tracking import resolve_uri

    uri = resolve_uri(request.uri)
    runs = _read(experiment.name, uri, request.selection)
    recorded = folder is not None and request.options.record and not request.selection
    if recorded:
        from lossbench.report.record import check_recordable

        check_recordable(uri)

    from lossbench.report.terminal import show

    report = _built(experiment, runs, uri, request.selection)
    try:
        # First: neither a reader who has gone nor a terminal that cannot show it costs a file.
        said = _files(report, uri, folder, request.options, recorded=recorded) if folder else ""
    except Exception:
        show(report)
        raise
    show(report)
    if folder:
        print(said)
    elif request.options.files:
        print("\nNo files, for these are not all runs; report.out=FOLDER writes them.")

    from lossbench.review.links import links, served

    for one in links(uri, experiment.name):  # what every sweep ends with, too
        print(f"\n{served(uri, experiment.name)}", *one.lines(), sep="\n")


def _read(experiment: str, uri: str, selection: Mapping[str, Any]) -> pd.DataFrame:
    """The runs of an experiment that a selection leaves.

    Raises:
        InputError: neither MLflow nor a YAML knows the name, or no run is as the selection says.
    """
    from lossbench.tracking import read_runs

    runs = read_runs(uri, experiment)
    if runs.empty:
        from lossbench.tracking.address import parse as address
        from lossbench.tracking.reader import reading

        with reading(address(uri)) as records:
            known = {*records.experiments(), *shipped()} - {"Default"}
        if experiment not in known:  # it is probably misspelt
            raise InputError(
                f"Nothing is recorded as experiment={experiment} ({suggestion(experiment, known)})."
            )
    if runs.empty or not selection:
        return runs
    from lossbench.verdicts.selecting import chosen

    return chosen(runs, selection)


def _built(experiment: Experiment, runs: pd.DataFrame, uri: str, selection: Mapping[str, Any]) -> Report:
    """The report, with all that runs kept beside their results."""
    from lossbench.tracking import read_histories
    from lossbench.verdicts import looks
    from lossbench.verdicts.build import build
    from lossbench.verdicts.predictions import reader
    from lossbench.verdicts.results import select_of

    if runs.empty:
        return build(experiment, runs)  # which refuses it
    histories = functools.partial(read_histories, uri)
    looked = looks.recorded(uri, experiment.name)
    return build(experiment, runs, select_of(runs), selection, histories, reader(uri, runs), looked)


def _folder(request: Request, experiment: str) -> Path | None:
    """Where the files of a report go; None where it writes none.

    Raises:
        InputError: what lies there was made by somebody else.
    """
    options = request.options
    if not options.files or (request.selection and options.out is None):
        return None
    if options.out is None and not is_file_name(experiment):
        raise InputError(
            f"{experiment!r} cannot name a folder in experiments/; say where the files go with "
            "report.out=FOLDER, or report.files=false."
        )
    folder = Path(options.out or Path("experiments") / experiment)
    check(folder)
    return folder


def _anatomy(request: Request) -> None:
    from lossbench.anatomy import report as anatomy

    if request.selection:
        raise InputError(f"{next(iter(request.selection))} selects runs, and experiment={ANATOMY} has none.")
    options = request.options
    folder = _folder(request, ANATOMY)
    anatomy.main(request.uri, folder, figures=options.figures, recorded=options.record)


def _files(report: Report, uri: str, folder: Path, options: Options, *, recorded: bool) -> str:
    """Write and record them; what to say of it."""
    from lossbench.report.write import write, written

    figures: dict[str, bytes] = {}
    captions: dict[str, str] = {}
    remark: str | None = None
    if options.figures:
        from lossbench.report.figures import draw
        from lossbench.report.figures.stored import unread

        figures, captions = draw(report, uri)
        if remark := unread(uri, report.chosen):
            report = replace(report, remarks=(*report.remarks, remark))
    write(report, folder, figures, captions)
    if recorded:
        from lossbench.report.page import summary
        from lossbench.report.record import record

        record(uri, report.experiment.name, folder, summary(report), report.looks.tag())
    return f"\n! {remark}\n{written(folder, figures)}" if remark else written(folder, figures)


if __name__ == "__main__":
    command.run("lossbench.report", main, __doc__)
