"""What a person sees in a browser: a real server on a real database of 240 runs, in Debian's Chromium."""

from __future__ import annotations

import io
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from PIL import Image, ImageColor

from lossbench import palette
from lossbench.review.links import Links
from lossbench.review.views import BY_LOSS, COMPARED, FAILED

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: apt-get install chromium"),
]
LEVELS = {"mse": 3.45, "mae": 2.45, "huber": 1.45}  # what the sweep plants: test rmse at the best rate
COLORS = {loss: palette.color(loss) for loss in LEVELS}
# Bars and curves as Plotly holds them, by the metric in the title of their card.
TRACES = """() => [...document.querySelectorAll('.js-plotly-plot')].map(plot => ({
    card: plot.closest('[data-testid="experiment-view-compare-runs-card"]')?.innerText.split('\\n')[0] ?? '',
    traces: plot.data.map(one => ({type: one.type, name: one.name, metric: one.metricKey,
        x: Array.from(one.x ?? []), y: Array.from(one.y ?? []), names: one.names, color: one.marker?.color}))
}))"""


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


def is_in_training_mode(page: Any) -> bool:
    """Whether the menu at the left is that for models, and not that for language models."""
    menu = page.locator("aside").first
    menu.get_by_text("Model registry").wait_for()
    return "Playground" not in menu.inner_text()


def experiment(site: Links) -> str:
    return site.charts.partition("&")[0]


def test_opened_without_any_filter_the_run_table_lists_losses(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(experiment(site))
    assert rows(page) == ["mse", "mae", "huber"]
    shoot("runs")


def test_opened_without_any_filter_charts_begin_with_the_judging_metric(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(f"{experiment(site)}&compareRunsMode=CHART")
    (bars,) = traces(page, "test/rmse")
    assert dict(zip(bars["names"], bars["x"], strict=True)) == pytest.approx(LEVELS)
    assert page.evaluate(TRACES)[0]["card"] == "test/rmse"
    shoot("charts_unfiltered")


def test_the_link_to_charts_shows_one_bar_and_one_curve_per_loss(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(site.charts)
    assert rows(page) == ["huber", "mae", "mse"]  # the best first
    assert is_in_training_mode(page)
    (bars,) = traces(page, "test/rmse")
    assert bars["type"] == "bar"
    assert dict(zip(bars["names"], bars["x"], strict=True)) == pytest.approx(LEVELS)
    assert dict(zip(bars["names"], bars["color"], strict=True)) == COLORS
    curves = traces(page, "val/rmse")
    assert {curve["name"] for curve in curves} == set(LEVELS)
    for curve in curves:  # Plotly has each twice, as points and as a line
        level = LEVELS[curve["name"]]
        assert curve["y"] == pytest.approx([level + 1 / epoch for epoch in range(1, 6)], abs=1e-3)
    assert {curve["name"]: curve["color"][:7] for curve in curves} == COLORS  # points are half transparent
    image = page.locator("[data-testid='experiment-view-compare-runs-card'] img").first
    image.wait_for()  # the means with their intervals
    assert image.evaluate("image => image.naturalWidth") == 640
    # Losses are not compared by what each of them minimises.
    assert {plot["card"] for plot in page.evaluate(TRACES)} == {"test/rmse", "val/rmse"}
    shoot("charts")


def contrast(one: str, other: str) -> float:
    """Of two colours such as rgb(1, 2, 3) or #010203, as WCAG 2 has it: from 1 to 21."""

    def light(colour: str) -> float:
        parts = (part / 255 for part in ImageColor.getrgb(colour)[:3])
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_charts_have_the_colours_of_losses_in_light_and_in_dark(
    site: Links, page: Any, shoot: Callable[[str], None], dark: bool
) -> None:
    """On a desk: MLflow draws no charts on a screen of 390 pixels."""
    page.set_viewport_size({"width": 1440, "height": 900})
    page.add_init_script(f"localStorage.setItem('_mlflow_dark_mode_toggle_enabled', '{str(dark).lower()}')")
    page.goto(site.charts)
    (bars,) = traces(page, "test/rmse")
    assert dict(zip(bars["names"], bars["color"], strict=True)) == COLORS
    card = page.locator("[data-testid='experiment-view-compare-runs-card']").first
    ground = card.evaluate("card => getComputedStyle(card).backgroundColor")
    assert (contrast(ground, "#000000") < 3) == dark
    assert min(contrast(ground, colour) for colour in COLORS.values()) > 1.5
    shoot(f"charts_{'dark' if dark else 'light'}")


@pytest.mark.parametrize(
    ("view", "name", "search"),
    [
        (COMPARED, "Losses compared", 'tags.`lossbench.kind` = "summary"'),
        (BY_LOSS, "Runs at the chosen rate, by loss", 'tags.`lossbench.chosen` = "true"'),
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


def headers(page: Any) -> list[str]:
    """Columns of the run table from the left, those that stay in sight first."""
    page.locator(".ag-header-cell").first.wait_for()
    cells = "cells => cells.map(cell => [cell.getBoundingClientRect().left, cell.innerText.trim()])"
    found = page.locator(".ag-header-cell").evaluate_all(cells)
    return [text for _, text in sorted(found) if text]


def test_the_table_of_losses_has_the_result_first(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(f"{experiment(site)}&viewStateShareKey={COMPARED}")
    assert rows(page) == ["huber", "mae", "mse"]
    shown = headers(page)
    assert shown[:4] == ["Run Name", "Created", "test/rmse", "optimizer.lr"]
    assert shown[4:7] == ["total/seeds", "total/diverged", "total/failed"]
    shoot("losses_table")


def test_failed_runs_say_why(site: Links, page: Any) -> None:
    page.goto(f"{experiment(site)}&viewStateShareKey={FAILED}")
    assert sorted(rows(page)) == ["huber lr=1.0 seed=4", "mae lr=1.0 seed=3"]
    reasons = page.get_by_text("it was planted")
    assert reasons.count() == 2
    cells = reasons.first.locator("xpath=ancestor-or-self::*[@role='gridcell']")
    assert cells.bounding_box()["width"] > 500  # room for a sentence
    assert "seed" not in headers(page)


def test_grouped_seeds_give_the_mean_of_each_loss(site: Links, page: Any) -> None:
    page.goto(f"{site.charts.partition('&viewState')[0]}&viewStateShareKey={BY_LOSS}")
    (bars,) = traces(page, "test/rmse")
    assert dict(zip(bars["names"], bars["x"], strict=True)) == pytest.approx(LEVELS)
    page.get_by_text("30 matching runs").wait_for()


def test_the_page_of_a_summary_shows_its_table_and_its_params(
    site: Links, page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(experiment(site))
    page.get_by_role("link", name="huber", exact=True).click()
    page.get_by_role("columnheader", name="95% interval").wait_for()
    page.get_by_role("cell", name=re.compile(r"^0\.01 \(chosen\)")).wait_for()
    page.get_by_text("total/seeds").first.wait_for()
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


def test_the_html_report_renders_with_its_figures(
    sites: dict[str, Links], page: Any, shoot: Callable[[str], None]
) -> None:
    link = sites["reported"].report
    assert link is not None
    page.goto(link)
    assert is_in_training_mode(page)
    shown = page.frame_locator("iframe").first
    shown.get_by_role("heading", name="reported").wait_for()
    shown.get_by_role("cell", name=re.compile("^huber gives a better rmse than mse")).wait_for()
    widths = "images => images.map(image => image.naturalWidth)"
    drawn = shown.locator("img").evaluate_all(widths)
    assert len(drawn) >= 3
    assert min(drawn) > 500
    page.wait_for_timeout(500)
    shoot("report")


# Colours of a page's ground and of its words; whether words of it (not tables or figures, which scroll in
# their own boxes) reach beyond the screen; of each figure its width and how long its alt text is.
SEEN = """() => {
    const style = getComputedStyle(document.body), wide = document.documentElement.scrollWidth
    const figures = [...document.images].map(image => [image.naturalWidth, image.alt.length])
    return {ground: style.backgroundColor, ink: style.color, wide, room: innerWidth, figures}
}"""


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_read_on_a_desk_and_on_a_phone_in_light_and_in_dark(
    sites: dict[str, Links], browser: Any, folder: Path, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"file://{folder / 'reported' / 'report.html'}")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    seen = page.evaluate(SEEN)
    assert seen["wide"] <= seen["room"]
    assert (sum(map(int, re.findall(r"\d+", seen["ground"]))) < 200) == (scheme == "dark")
    assert (sum(map(int, re.findall(r"\d+", seen["ink"]))) > 500) == (scheme == "dark")
    assert len(seen["figures"]) >= 3
    assert all(natural > 500 and told > 20 for natural, told in seen["figures"])
    shot = page.locator("figure img").first.screenshot()
    red, green, blue = Image.open(io.BytesIO(shot)).convert("RGB").getpixel((2, 2))
    assert (red + green + blue < 200) == (scheme == "dark")  # the figure is as dark as its page
    if pictures := os.environ.get("LOSSBENCH_SCREENSHOTS"):
        page.screenshot(path=Path(pictures) / f"report_{width}_{scheme}.png", full_page=True)
    context.close()


def test_the_description_of_the_report_run_shows_table_and_verdicts(
    sites: dict[str, Links], page: Any, shoot: Callable[[str], None]
) -> None:
    page.goto(str(sites["reported"].report).partition("/artifacts")[0])
    page.get_by_role("columnheader", name="verdict").wait_for()
    assert page.get_by_role("cell", name="supported").count() >= 2
    shoot("report_run")


def test_a_thousand_runs_open_on_their_losses(
    sites: dict[str, Links], page: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    page.goto(experiment(sites["large"]))
    assert rows(page) == ["mse", "mae", "huber"]
    # Told and not judged: a slow machine is no fault. 5 s are what a person has patience for.
    with capsys.disabled():
        print(f"\nthe run table of 1,020 runs came after {time.monotonic() - began:.1f} s")
