"""The image of means with their intervals: in the colours of losses, the best first, where MLflow looks."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from PIL import Image

from lossbench import palette
from lossbench.metrics.names import METRICS
from lossbench.review import forest
from lossbench.review.refresh import refresh
from lossbench.review.summary import Compared
from lossbench.tracking.address import parse
from lossbench.tracking.bulk_writer import BulkWriter
from lossbench.tracking.client_writer import ClientWriter

COMPARED = Compared("outliers", "rmse", "rmse", (), (), METRICS)
ROWS = [
    forest.Row("huber", "#6b17a0", 1.45, 1.23, 1.67),
    forest.Row("mae", "#aea926", 2.45, 2.23, 2.67),
    forest.Row("a loss that failed", "#3468f7", 40.0, 40.0, 40.0),
]


def columns(image: Image.Image, color: str) -> tuple[int, int]:
    """From where to where a colour reaches."""
    wanted = tuple(int(color[place : place + 2], 16) for place in (1, 3, 5))
    pixels = image.load()
    assert pixels is not None
    found = [x for x in range(image.width) for y in range(image.height) if pixels[x, y] == wanted]
    return min(found), max(found)


def test_bars_lie_where_their_intervals_do() -> None:
    image = forest.draw(COMPARED, ROWS[:2])
    huber, mae = columns(image, "#6b17a0"), columns(image, "#aea926")
    scale = (mae[0] - huber[0]) / (2.23 - 1.23)
    assert huber[1] - huber[0] == pytest.approx(scale * (1.67 - 1.23), abs=3)
    assert huber[1] < mae[0]


def test_results_that_span_decades_have_a_log_axis_and_the_image_says_so() -> None:
    image = forest.draw(COMPARED, ROWS)
    huber, mae = columns(image, "#6b17a0"), columns(image, "#aea926")
    assert huber[1] - huber[0] > 1.4 * (mae[1] - mae[0])  # of the same length, on a linear one
    assert "log scale" in " ".join(forest._title(COMPARED, forest._Axis(1.2, 40.0, True), 3, 3))


def test_numbers_stand_beside_each_name() -> None:
    assert [row.text for row in ROWS] == ["1.45 (1.23 to 1.67)", "2.45 (2.23 to 2.67)", "40"]


def test_the_best_summary_has_the_image_and_it_is_the_same_again(
    sweep: Callable[..., None], uri: str
) -> None:
    sweep(uri)
    for _ in range(2):  # the second takes the place of the first
        refresh(uri, "demo")
        client = MlflowClient(uri)
        place = client.get_experiment_by_name("demo")
        assert place is not None
        shown = client.search_runs([place.experiment_id], "tags.`mlflow.loggedImages` = 'True'")
        assert [run.info.run_name for run in shown] == ["huber"]
        paths = sorted(item.path for item in client.list_artifacts(shown[0].info.run_id, "images"))
        start = "images/test_interval~rmse+step+0+timestamp+0+lossbench"
        assert paths == [f"{start}+compressed.webp", f"{start}.png"]
    image = Image.open(client.download_artifacts(shown[0].info.run_id, paths[1])).convert("RGB")
    ends = [columns(image, palette.color(loss)) for loss in ("huber", "mae", "mse")]
    assert ends == sorted(ends)


@pytest.mark.parametrize("writer", [BulkWriter, ClientWriter])
def test_either_writer_keeps_files_below_folders_and_replaces_them(
    sweep: Callable[..., None], uri: str, stored: Path, writer: type[BulkWriter | ClientWriter]
) -> None:
    sweep(uri, losses=("mse",), rates=(0.01,), seeds=(0,))
    client = MlflowClient(uri)
    place = client.get_experiment_by_name("demo")
    assert place is not None
    run_id = client.search_runs([place.experiment_id])[0].info.run_id
    for content in (b"first", b"second"):
        writer(parse(uri)).keep(run_id, {"images/a+b.png": content})
        assert Path(client.download_artifacts(run_id, "images/a+b.png")).read_bytes() == content


def test_without_intervals_there_is_no_image() -> None:
    assert forest.files(COMPARED, ()) == {}
    raw = forest._bytes(forest.draw(COMPARED, ROWS), "PNG", {})
    assert Image.open(io.BytesIO(raw)).width == 640
