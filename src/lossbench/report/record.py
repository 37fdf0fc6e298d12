"""The report in MLflow: one run of kind `report` per experiment, made anew each time."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from pathlib import Path

from lossbench.report.made import made
from lossbench.tracking import runs as tags
from lossbench.tracking.address import parse
from lossbench.tracking.bulk_writer import BulkWriter
from lossbench.tracking.journal import Entry, Opening
from lossbench.tracking.places import bring_along
from lossbench.tracking.quiet import client
from lossbench.tracking.reader import reading
from lossbench.tracking.runs import RunResult
from lossbench.tracking.store import writer

REPORT = "report"


def check_recordable(uri: str) -> None:
    """See whether a report run can be made at an address that is there, before its files are.

    Raises:
        InputError: the database was made by another version of MLflow.
    """
    address = parse(uri)
    if not BulkWriter.knows(address):  # which takes no import of MLflow
        client(address.uri)


def record(
    uri: str, experiment: str, folder: Path, description: str, looks: str = "", answer: str = ""
) -> str:
    """Store the files of a report as artifacts `report/` of a new report run, and remove earlier ones.

    Args:
        uri, experiment: where; the experiment is made where it is missing.
        folder: of a report; stored are the files that it made, such as README.md, and nothing else there.
        description: Markdown, shown on the run's page.
        answer: Markdown, shown above the charts of the experiment until another sweep ends.
        looks: the seeds of this report and of those before it, as `Looks.tag` has them.
    """
    address, now = parse(uri), time.time_ns() // 1_000_000
    told = {tags.LOOKS: looks} if looks else {}
    of_run = {
        tags.KEY: f"report-{uuid.uuid4().hex}",  # its own: no file of an earlier report stays with it
        tags.KIND: REPORT,
        tags.EXPERIMENT: experiment,
        tags.NOTE: description,
        **told,
    }
    opening = Opening(experiment, f"report: {experiment}", {}, of_run, now, None)
    entry = Entry(opening, RunResult("", "finished"), now, created=True)
    with closing(writer(address)) as writing:
        (run_id,) = writing.replace([entry], REPORT, experiment)
        if address.path:
            bring_along(address.path)
        files = sorted(made(folder))
        writing.keep(run_id, {f"report/{name}": (folder / name).read_bytes() for name in files})
        if answer:
            with reading(address) as records:
                number = records.experiments()[experiment]
            page = f"#/experiments/{number}/runs/{run_id}/artifacts/report/report.html"
            note = f"{answer}\n\n[The whole report]({page})"
            writing.mark_experiment(experiment, {tags.NOTE: note})
    return run_id
