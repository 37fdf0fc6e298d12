"""The report in MLflow: one run of kind `report` per experiment, made anew each time."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from lossbench.report.made import made
from lossbench.tracking import runs as tags
from lossbench.tracking.address import parse
from lossbench.tracking.bulk_writer import BulkWriter
from lossbench.tracking.places import bring_along
from lossbench.tracking.quiet import client

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
    address = parse(uri)
    store = client(address.uri)
    place = store.get_experiment_by_name(experiment)
    number = place.experiment_id if place else store.create_experiment(experiment)
    if address.path:
        bring_along(address.path)
    earlier = store.search_runs([number], filter_string=f"tags.`{tags.KIND}` = '{REPORT}'")
    told = {tags.LOOKS: looks} if looks else {}
    run = store.create_run(
        number,
        run_name=f"report: {experiment}",
        tags={tags.KIND: REPORT, tags.EXPERIMENT: experiment, tags.NOTE: description} | told,
    )
    run_id = str(run.info.run_id)
    with tempfile.TemporaryDirectory(prefix="lossbench-report-") as aside:
        for name in made(folder):
            shutil.copyfile(folder / name, Path(aside, name))
        store.log_artifacts(run_id, aside, "report")
    store.set_terminated(run_id, "FINISHED")
    for old in earlier:
        store.delete_run(old.info.run_id)
    if answer:
        page = f"#/experiments/{number}/runs/{run_id}/artifacts/report/report.html"
        store.set_experiment_tag(number, tags.NOTE, f"{answer}\n\n[The whole report]({page})")
    return run_id
