"""The commands: summary runs and links by hand, and the server behind `make ui`."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lossbench.errors import InputError
from lossbench.report.__main__ import main as report
from lossbench.review import __main__ as command
from lossbench.review import server
from lossbench.review.links import links
from lossbench.review.refresh import refresh
from lossbench.review.views import BY_LOSS, COMPARED, TAG_PREFIX

Sweep = Callable[..., None]
SMALL: dict[str, Any] = {"losses": ["mse", "mae"], "rates": [0.01], "seeds": [0, 1]}


def test_the_command_makes_summaries_of_every_experiment_and_prints_links(
    uri: str, sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(uri)
    sweep(uri, losses=["mse"], experiment="other")
    command.main(["port=5001"])
    said = capsys.readouterr().out
    assert "demo: 3 summary runs" in said
    assert "other: 1 summary runs" in said
    assert said.count("http://127.0.0.1:5001/#/experiments/") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["outliers"], "write key=value"),
        (["experimet=outliers"], "did you mean 'experiment'"),
        (["experiment=dem"], "did you mean 'demo'"),
        (["port=http"], "port=http is no port"),
        (["port=\u00b2"], "port=\u00b2 is no port"),  # isdigit() is true
        (["tracking.uri=postgresql://x/y"], "needs a Python package that is not there|cannot be used"),
    ],
)
def test_faults_are_told_with_the_remedy(uri: str, sweep: Sweep, arguments: list[str], said: str) -> None:
    sweep(uri, losses=["mse"], rates=[0.01], seeds=[0])
    with pytest.raises(InputError, match=said):
        command.main(arguments)


def test_views_sort_by_the_judging_metric_and_group_by_condition(
    uri: str, sweep: Sweep, query: Callable[..., list[tuple[str, ...]]]
) -> None:
    def view(key: str) -> dict[str, object]:
        (row,) = query("SELECT value FROM experiment_tags WHERE key = ?", f"{TAG_PREFIX}{key}")
        packed = json.loads(row[0])["state"].removeprefix("deflate;")
        return dict(json.loads(zlib.decompress(base64.b64decode(packed))))

    sweep(uri)
    refresh(uri, "demo")
    assert (view(COMPARED)["orderByKey"], view(COMPARED)["orderByAsc"]) == ("metrics.`test/rmse`", True)
    sweep(uri, **{"data.contamination": "0.2"})
    refresh(uri, "demo")
    assert view(COMPARED)["orderByKey"] == "metrics.`test/rmse`"  # with an axis, too
    grouped = view(BY_LOSS)["groupBy"]
    assert isinstance(grouped, dict)
    assert [key["groupByData"] for key in grouped["groupByKeys"]] == ["lossbench.condition"]


def test_the_server_refuses_a_port_that_is_taken_and_a_database_that_is_not_there(uri: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        arguments = [f"port={other.getsockname()[1]}", f"tracking.uri={uri}"]
        with pytest.raises(InputError, match="is taken"):
            server.main(arguments)
    with pytest.raises(InputError, match="no tracking database"):
        server.main(["tracking.uri=sqlite:///gone.db"])
    with pytest.raises(InputError, match=r"needs a Python package that is not there|cannot be used"):
        server.main(["tracking.uri=postgresql://x/y"])
    with pytest.raises(InputError, match="is a server already"):
        server.main(["tracking.uri=http://127.0.0.1:5000"])


def test_every_link_opens_the_mode_for_training_and_the_newest_experiment_opens_first(
    uri: str, sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(uri, experiment="zeta", **SMALL)
    sweep(uri, experiment="beta", **SMALL)
    for experiment in ("zeta", "beta"):
        refresh(uri, experiment)
    arguments = ["experiment=beta", f"tracking.uri={uri}", "report.figures=false", "report.out=reports"]
    report(arguments)
    capsys.readouterr()
    opened = server._tell(uri, 5001)
    said = capsys.readouterr().out
    assert opened == links(uri, "beta", 5001)[0].charts
    assert said.index("zeta") < said.index("beta")  # the last one is what a person sees
    assert "click Model training" in said
    pages = [word for word in said.split() if word.startswith("http")]
    assert len(pages) == 3  # the charts of both, and a report
    assert all("workflowType=machine_learning" in page for page in pages)


@pytest.mark.parametrize("module", ["report", "review", "review.server", "rerun"])
def test_help_is_what_the_module_says_of_itself(
    module: str, light_program: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = light_program("--help", module=f"lossbench.{module}", folder=tmp_path)
    assert done.returncode == 0
    assert f"`python -m lossbench.{module}" in done.stdout
    assert "tracking.uri=" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_the_server_prints_links_when_it_answers_and_ends_on_ctrl_c(uri: str, sweep: Sweep) -> None:
    sweep(uri)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = [sys.executable, "-m", "lossbench.review.server", f"port={port}", f"tracking.uri={uri}"]
    running = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        text = running.stdout.readline()
        assert text, running.communicate()[1]
        said += text
    assert f"http://127.0.0.1:{port}/#/experiments/1/runs" in said
    socket.create_connection(("127.0.0.1", port)).close()
    running.send_signal(2)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, "")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.slow
def test_the_server_ends_with_what_started_it_even_if_that_is_killed(uri: str, sweep: Sweep) -> None:
    sweep(uri, **SMALL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = [sys.executable, "-m", "lossbench.review.server", f"port={port}", f"tracking.uri={uri}"]
    running = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert running.stdout is not None
    while "Ctrl-C" not in (said := running.stdout.readline()):
        assert said
    running.kill()
    running.communicate()
    until = time.monotonic() + 20
    while (answers := listening(port)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not answers


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
