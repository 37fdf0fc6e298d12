"""Addresses of pages in MLflow's UI: what a person opens after a sweep."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlencode
from urllib.request import urlopen

from lossbench.review.views import COMPARED
from lossbench.tracking import runs
from lossbench.tracking.address import parse
from lossbench.tracking.reader import reading
from lossbench.tracking.records import Record

PORT = 5000
_HOST, _TRIED, _PATIENCE = "127.0.0.1", 20, 0.5  # seconds
_TRAINING = {"workflowType": "machine_learning"}  # else MLflow opens its pages for language models


@dataclass(frozen=True)
class Links:
    """Pages of one experiment; a page that is not there yet is None.

    charts:  losses compared, the saved view
    report:  the HTML page of the report
    trained: when its last run began, in milliseconds since the epoch
    """

    experiment: str
    charts: str
    report: str | None
    trained: int

    def lines(self) -> list[str]:
        """One line per page."""
        pages = (("charts", self.charts), ("report", self.report))
        return [f"  {name:8}{page}" for name, page in pages if page]


def served(uri: str, experiment: str, port: int = PORT) -> str:
    """Half a sentence before the links of an experiment: what shows them."""
    if parse(uri).kind == "http":
        return f"{experiment} in a browser:"
    make, own = (f" PORT={port}", f" port={port}") if port != PORT else ("", "")
    start = f"once make ui{make} runs (or python -m lossbench.review.server{own})"
    return f"{experiment} in a browser, {start}:"


def usable(port: int = PORT) -> int:
    """The port itself where nothing listens there, or an MLflow server does; else the next that is free."""
    for other in range(port, port + _TRIED):
        with socket.socket() as probe:
            probe.settimeout(_PATIENCE)
            free = probe.connect_ex((_HOST, other)) != 0
        if free or (other == port and _is_mlflow(port)):
            return other
    return port


def _is_mlflow(port: int) -> bool:
    try:
        with urlopen(f"http://{_HOST}:{port}/health", timeout=_PATIENCE) as answer:
            return bytes(answer.read(8)).strip() == b"OK"
    except (OSError, ValueError, HTTPException):
        return False


def links(uri: str, experiment: str | None = None, port: int = PORT) -> list[Links]:
    """The links of one experiment, or of all that hold runs of lossbench.

    Raises:
        InputError: the address cannot be read.
    """
    address = parse(uri)
    base = address.uri if address.kind == "http" else f"http://127.0.0.1:{port}"  # of `make ui`
    with reading(address) as records:
        times = records.times(experiment)
        made: dict[str, list[Record]] = {name: [] for name, _ in times}
        for record in records.runs(experiment, kinds=("summary", "report"), briefly=True):
            made.setdefault(record.tags.get(runs.EXPERIMENT, ""), []).append(record)
        numbers = records.experiments()
    trained = {name: times.get((name, "member"), (0, 0))[0] for name in made}
    return [
        _links(base, name, numbers[name], made[name], trained[name])
        for name in sorted(made)
        if name in numbers
    ]


def _links(base: str, experiment: str, number: str, records: list[Record], trained: int) -> Links:
    def of_kind(kind: str) -> list[Record]:
        own = [record for record in records if record.tags.get(runs.KIND) == kind]
        return sorted(own, key=lambda record: -record.started)

    summaries, reports = of_kind("summary"), of_kind("report")
    place = f"{base}/#/experiments/{number}/runs"
    view = {"viewStateShareKey": COMPARED} if summaries else {}
    charts = f"{place}?{urlencode({**_TRAINING, 'compareRunsMode': 'CHART', **view})}"
    report = None
    if reports:
        report = f"{place}/{reports[0].run_id}/artifacts/report/report.html?{urlencode(_TRAINING)}"
    return Links(experiment, charts, report, trained)
