"""What a person sees in a browser: a real server on a real database of 240 runs, in Debian's Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from lossbench.report.__main__ import main as report
from lossbench.review.links import Links, links
from lossbench.review.refresh import refresh
from lossbench.review.server import serving
from lossbench.review.views import BY_LOSS, COMPARED, FAILED
from lossbench.tracking.address import parse

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: apt-get install chromium"),
]
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
# Bars and curves as Plotly holds them, by the metric in the title of their card.
TRACES = """() => [...document.querySelectorAll('.js-plotly-plot')].map(plot => ({
    card: plot.closest('[data-testid="experiment-view-compare-runs-card"]')?.innerText.split('\\n')[0] ?? '',
    traces: plot.data.map(one => ({type: one.type, name: one.name, metric: one.metricKey,
        x: Array.from(one.x ?? []), y: Array.from(one.y ?? []), names: one.names, color: one.marker?.color}))
}))"""


@pytest.fixture(scope="module")
def sites(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory, sweep: Callable[..., None]
) -> Iterator[dict[str, Links]]:
    """Served experiments: 240 runs, two of which failed; 72 with a report; 1,020 runs. Their links."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(empty_database, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    sweep(
        uri,
        rates=(0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
        seeds=range(10),
        outcomes={("mae", 1.0, 3): "failed", ("huber", 1.0, 4): "diverged"},
    )
    refresh(uri, "demo")
    arguments = ["experiment=reported", f"tracking.uri={uri}", f"report.out={folder / 'reported'}"]
    with contextlib.chdir(folder):  # where artifacts go
        sweep(uri, seeds=range(8), experiment="reported")
        report(arguments)
    rates = tuple(0.001 * 1.1**step for step in range(17))
    sweep(uri, rates=rates, seeds=range(20), experiment="large")
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
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
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


def rows(page: Any) -> list[str]:
    """Names in the run table, from the top."""
    found = page.locator(".ag-pinned-left-cols-container [role=row], .ag-center-cols-container [role=row]")
    found.first.wait_for()
    texts = page.locator("[role=gridcell] a[href*='/runs/']")
    texts.first.wait_for()
    return [text for text in texts.all_inner_texts() if text]


def traces(page: Any, metric: str) -> list[dict[str, Any]]:
    """What the chart of a metric draws, once it draws something."""
    wanted = f"() => ({TRACES})().some(one => one.card.includes('{metric}') && one.traces.length)"
    page.wait_for_function(wanted)
    page.wait_for_timeout(1500)  # it is drawn anew as runs arrive
    return next(one["traces"] for one in page.evaluate(TRACES) if metric in one["card"])


def experiment(site: Links) -> str:
    return site.charts.partition("&")[0]


def test_opened_without_any_filter_the_run_table_lists_losses(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(experiment(site))
    assert rows(page) == ["mse", "mae", "huber"]
    shoot("runs")


def test_the_link_to_charts_shows_one_bar_and_one_curve_per_loss(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(site.charts)
    assert rows(page) == ["huber", "mae", "mse"]  # the best first
    (bars,) = traces(page, "test/rmse")
    assert bars["type"] == "bar"
    assert sorted(bars["x"]) == pytest.approx([1.45, 2.45, 3.45])
    curves = traces(page, "val/rmse")
    levels = {"mse": 3.45, "mae": 2.45, "huber": 1.45}
    assert {curve["name"] for curve in curves} == set(levels)
    for curve in curves:  # Plotly has each twice, as points and as a line
        level = levels[curve["name"]]
        assert curve["y"] == pytest.approx([level + 1 / epoch for epoch in range(1, 6)], abs=1e-3)
    shoot("charts")


@pytest.mark.parametrize(
    ("view", "name", "search"),
    [
        (COMPARED, "Losses compared", 'tags.`lossbench.kind` = "summary"'),
        (BY_LOSS, "All runs by loss", 'tags.`lossbench.chosen` = "true"'),
        (FAILED, "Failed runs", "attributes.status"),
    ],
)
def test_saved_views_are_in_the_menu_and_open(
    site: Links, page: Any, shoot: Callable[[str], None], view: str, name: str, search: str
) -> None:
    page.goto(experiment(site))
    rows(page)
    page.get_by_role("button", name="Views").click()
    page.get_by_text(name, exact=True).click()
    page.wait_for_function(f"() => document.querySelector('input[value*=\"{search.split('`')[0]}\"]')")
    assert f"viewStateShareKey={view}" in page.url
    assert search in page.locator("input[value*='tributes.'], input[value*='tags.']").first.input_value()
    page.wait_for_timeout(1500)
    shoot(view)


def test_failed_runs_say_why(site: Links, page: Any) -> None:
    page.goto(f"{experiment(site)}&viewStateShareKey={FAILED}")
    assert sorted(rows(page)) == ["huber lr=1.0 seed=4", "mae lr=1.0 seed=3"]
    assert page.get_by_text("it was planted").count() == 2


def test_grouped_seeds_give_the_mean_of_each_loss(site: Links, page: Any) -> None:
    page.goto(f"{site.charts.partition('&viewState')[0]}&viewStateShareKey={BY_LOSS}")
    (bars,) = traces(page, "test/rmse")
    assert sorted(bars["x"]) == pytest.approx([1.45, 2.45, 3.45])
    page.get_by_text("30 matching runs").wait_for()


def test_the_page_of_a_summary_shows_its_table_and_its_params(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(experiment(site))
    page.get_by_role("link", name="huber", exact=True).click()
    page.get_by_role("columnheader", name="95% interval").wait_for()
    page.get_by_role("cell", name=re.compile(r"^0\.01 \(chosen\)")).wait_for()
    page.get_by_text("runs/seeds").first.wait_for()
    shoot("summary")


def test_the_page_of_a_run_shows_params_curves_and_data(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    search = urlencode({"searchFilter": "params.seed = '7' and params.`loss.name` = 'mae'"})
    page.goto(f"{experiment(site)}&{search}&orderByKey=tags.%60mlflow.runName%60")  # flat, not nested
    page.get_by_role("link", name="mae lr=0.01 seed=7").click()
    for text in ("optimizer.lr", "val/rmse", "outliers"):
        page.get_by_text(text).first.wait_for()
    shoot("run")


def test_the_link_to_compare_puts_losses_side_by_side(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    assert site.compare is not None
    page.goto(site.compare)
    page.get_by_text("Comparing 3 Runs").first.wait_for()
    for loss in ("mse", "mae", "huber"):
        page.get_by_text(loss, exact=True).first.wait_for()
    shoot("compare")


def test_the_html_report_renders_with_its_figures(
    sites: dict[str, Links], page: Any, shoot: Callable[[str], None]
) -> None:
    link = sites["reported"].report
    assert link is not None
    page.goto(link)
    shown = page.frame_locator("iframe").first
    shown.get_by_role("heading", name="reported").wait_for()
    shown.get_by_role("cell", name=re.compile("^huber gives a better rmse than mse")).wait_for()
    widths = "images => images.map(image => image.naturalWidth)"
    drawn = shown.locator("img").evaluate_all(widths)
    assert len(drawn) >= 3
    assert min(drawn) > 500
    page.wait_for_timeout(500)
    shoot("report")


def test_the_description_of_the_report_run_shows_table_and_verdicts(
    sites: dict[str, Links], page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(str(sites["reported"].report).partition("/artifacts")[0])
    page.get_by_role("columnheader", name="verdict").wait_for()
    assert page.get_by_role("cell", name="supported").count() >= 2
    shoot("report_run")


def test_a_thousand_runs_open_on_their_losses(sites: dict[str, Links], page: Any) -> None:
    page.goto(experiment(sites["large"]))
    assert rows(page) == ["mse", "mae", "huber"]
