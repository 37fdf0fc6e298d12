"""Made-up sweeps in real databases, whose results are known in advance; a server on them, and a browser."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lossbench.data.source import Description
from lossbench.report.__main__ import main as report
from lossbench.review.links import Links, links
from lossbench.review.refresh import refresh
from lossbench.review.server import serving
from lossbench.task import Inputs, Target
from lossbench.tracking import RunResult, Store, opening
from lossbench.tracking.address import parse
from lossbench.tracking.runs import FINGERPRINT

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
PATIENCE = 60_000  # ms until what is looked for must be there
# MLflow opens its assistant beside the first page that a browser sees.
NO_ASSISTANT = """localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false')"""
LEVEL = {"mse": 3.0, "mae": 2.0, "huber": 1.0}
EPOCHS = 5


def result_of(loss: str, rate: float, seed: int) -> float:
    """The planted test rmse: rate 0.01 is the best for every loss."""
    return LEVEL[loss] + abs(math.log10(rate / 0.01)) + 0.1 * seed


def record(
    uri: str,
    losses: Sequence[str] = tuple(LEVEL),
    rates: Sequence[float] = (0.001, 0.01, 0.1),
    seeds: Sequence[int] = (0, 1, 2),
    outcomes: dict[tuple[str, float, int], str] | None = None,
    experiment: str = "demo",
    metric: str = "rmse",
    **params: str,
) -> None:
    """Record a sweep as training would; `outcomes` names the runs that did not finish."""
    given = {"data.name": "outliers", "model.name": "mlp", "trainer.name": "default", **params}
    name = given["data.name"]
    description = Description(
        name, Inputs("vector", (10,)), (Target("continuous"),), {"train": 800}, "made up", f"{name}-0"
    )
    grid = [(loss, rate, seed) for loss in losses for rate in rates for seed in seeds]
    starts, results = [], []
    for loss, rate, seed in grid:
        own = {**given, "loss.name": loss, "optimizer.lr": str(rate), "seed": str(seed)}
        tags = {"lossbench.loss": loss, "lossbench.data": name, FINGERPRINT: description.fingerprint}
        title = f"{loss} lr={rate} seed={seed}"
        starts.append(opening(str(sorted(own.items())), experiment, title, own, tags, description))
    with Store(uri) as store:
        for run_id, (loss, rate, seed) in zip(store.start(starts), grid, strict=True):
            outcome: Any = (outcomes or {}).get((loss, rate, seed), "finished")
            value = result_of(loss, rate, seed)
            curve = [(epoch, value + 1 / epoch) for epoch in range(1, EPOCHS + 1)]
            history = {f"val/{metric}": curve, "train/loss": curve}
            metrics = {f"test/{metric}": value, f"val_best/{metric}": value + 0.2, "val_best/epoch": 5.0}
            if outcome == "finished":
                results.append(RunResult(run_id, outcome, history=history, metrics=metrics))
            else:
                results.append(RunResult(run_id, outcome, "it was planted"))
        store.finish(results)


@pytest.fixture(scope="session")
def sweep() -> Callable[..., None]:
    return record


@pytest.fixture
def uri(stored: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty database in the current folder."""
    monkeypatch.setenv("LOSSBENCH_CACHE", str(stored / "cache"))
    return f"sqlite:///{stored / 'mlflow.db'}"


@pytest.fixture
def query(uri: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of the database."""

    def ask(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
            return database.execute(statement, values).fetchall()

    return ask


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the served database lies, and the report."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def sites(database: Path, folder: Path) -> Iterator[dict[str, Links]]:
    """Served experiments: 240 runs, two of which failed; 72 with a report; 1,020 runs. Their links."""
    shutil.copy(database, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    record(
        uri,
        rates=(0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
        seeds=range(10),
        outcomes={("mae", 1.0, 3): "failed", ("huber", 1.0, 4): "diverged"},
    )
    refresh(uri, "demo")
    arguments = ["experiment=reported", f"tracking.uri={uri}", f"report.out={folder / 'reported'}"]
    with contextlib.chdir(folder):  # where artifacts go
        record(uri, seeds=range(8), experiment="reported")
        report(arguments)
    rates = tuple(0.001 * 1.1**step for step in range(17))
    record(uri, rates=rates, seeds=range(20), experiment="large")
    refresh(uri, "large")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving(parse(uri), port):
        yield {one.experiment: one for one in links(uri, None, port)}


@pytest.fixture
def site(sites: dict[str, Links]) -> Links:
    """The links of the experiment without a report."""
    return sites["demo"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty page of a person's first visit; no request of the test may leave this machine."""
    context = browser.new_context(viewport={"width": 1400, "height": 800})
    context.add_init_script(NO_ASSISTANT)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    context.close()
    assert [url for url in asked if not re.match(r"http://127\.0\.0\.1:\d+/|data:|blob:", url)] == []


@pytest.fixture
def shoot(page: Any) -> Callable[[str], None]:
    """Keeps a picture of the page, where the environment names a folder for pictures."""

    def take(name: str) -> None:
        folder = os.environ.get("LOSSBENCH_SCREENSHOTS")
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png")

    return take
