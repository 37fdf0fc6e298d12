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

import sys
from collections.abc import Sequence
from pathlib import Path

from lossbench.claims.declared import load_experiment
from lossbench.cli import command
from lossbench.config.folders import shadowing
from lossbench.config.naming import ANATOMY, is_file_name
from lossbench.errors import InputError
from lossbench.report import index
from lossbench.report.made import check
from lossbench.report.making import built, files, read
from lossbench.report.request import Request, parse


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
    runs = read(experiment.name, uri, request.selection)
    recorded = folder is not None and request.options.record and not request.selection
    if recorded:
        from lossbench.report.record import check_recordable

        check_recordable(uri)

    from lossbench.report.terminal import show

    report = built(experiment, runs, uri, request.selection)
    try:
        # First: neither a reader who has gone nor a terminal that cannot show it costs a file.
        said = files(report, uri, folder, request.options, recorded=recorded) if folder else ""
    except Exception:
        show(report)
        raise
    show(report)
    if folder:
        print(said)
        if request.options.out is None and (listed := index.write(folder.parent)):
            print(listed)
    elif request.options.files:
        print("\nNo files, for these are not all runs; report.out=FOLDER writes them.")
    _tell_pages(uri, experiment.name)


def _tell_pages(uri: str, experiment: str) -> None:
    """What every sweep ends with, too."""
    from lossbench.review.links import links, served, usable

    port = usable()
    for one in links(uri, experiment, port):
        print(f"\n{served(uri, experiment, port)}", *one.lines(), sep="\n")


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


if __name__ == "__main__":
    command.run("lossbench.report", main, __doc__)
