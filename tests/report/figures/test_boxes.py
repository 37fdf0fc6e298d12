"""Figures of boxes: how many overlap how well, and boxes on the images where they belong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from omegaconf import DictConfig
from PIL import Image

from lossbench.claims.claim import Experiment
from lossbench.errors import InputError
from lossbench.palette import color
from lossbench.report.figures import boxes
from lossbench.report.figures.pictures import pictures
from lossbench.report.figures.predicted import predicted_boxes
from lossbench.tracking import read_runs
from lossbench.train import train_many
from lossbench.verdicts.build import build
from lossbench.verdicts.findings import Report

STORE = "sqlite:///mlflow.db"


def run(shift: float, seed: int = 0) -> dict[str, Any]:
    """Forty boxes of 10 x 20 pixels, predicted too far to the right."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 10, (40, 2))
    truth = np.concatenate([corner, corner + np.array([10, 20])], axis=1)
    return {"target_box": truth, "value": truth + np.array([shift, 0, shift, 0])}


def test_the_curve_is_the_share_of_boxes_at_each_iou() -> None:
    fits = {"mse": [run(5.0), run(5.0, 1)], "giou": [run(0.0), run(5.0, 1)]}  # 5 of 10 to the right: 1/3
    (axes,) = boxes.overlaps([("", fits)]).axes
    lines = {line.get_label(): dict(zip(*line.get_data(), strict=True)) for line in axes.lines}
    at = {loss: {round(x, 2): y for x, y in points.items()} for loss, points in lines.items()}
    assert (at["mse"][0.33], at["mse"][0.34]) == (1.0, 0.0)
    assert (at["giou"][0.33], at["giou"][0.34], at["giou"][0.99]) == (1.0, 0.5, 0.5)
    assert {line.get_label(): line.get_color() for line in axes.lines} == {loss: color(loss) for loss in fits}


def test_images_stand_from_the_worst_overlap_to_the_best() -> None:
    better, worse = run(0.0), run(0.0)
    worse["value"][:, [0, 2]] += np.arange(40)[::-1, None] / 10
    assert boxes.spread_over({"mse": [worse], "giou": [better]}, 4).tolist() == [0, 13, 26, 39]
    assert len(boxes.spread_over({"mse": [worse]}, 100)) == 40


def test_boxes_lie_on_their_images_in_pixels() -> None:
    runs, places = {"mse": [run(2.0)], "giou": [run(0.0)]}, np.array([3, 17])
    figure = boxes.on_images(runs, np.zeros((2, 24, 32)), places)
    assert len(figure.axes) == 4
    for number, axes in enumerate(figure.axes):
        own = runs["mse" if number < 2 else "giou"][0]
        truth, predicted = (one for one in axes.patches if isinstance(one, Rectangle))
        for drawn, box in ((truth, own["target_box"]), (predicted, own["value"])):
            left, top, right, bottom = box[places[number % 2]]
            assert drawn.get_bbox().extents == pytest.approx([left, top, right, bottom])
        assert axes.get_xlim() == (0, 32)
        assert axes.get_ylim() == (24, 0)  # downwards, as pixels are counted
        assert axes.get_title() == ("0.67" if number < 2 else "1.00")
    assert [axes.get_ylabel() for axes in figure.axes] == ["mse", "", "giou", ""]


def drawn_images(folder: Path, rows: int = 40) -> str:
    """Images 16 high and 24 wide with a bright box each, and their table."""
    lines = ["file,x1,y1,x2,y2"]
    for row in range(rows):
        x, y = row % 12, row % 7
        image = np.zeros((16, 24), dtype=np.uint8)
        image[y : y + 8, x : x + 10] = 200
        Image.fromarray(image).save(folder / f"{row}.png")
        lines.append(f"{row}.png,{x},{y},{x + 10},{y + 8}")
    (folder / "boxes.csv").write_text("\n".join(lines) + "\n")
    return "boxes.csv"


@pytest.fixture
def report(stored: Path, composed: Callable[..., DictConfig]) -> Report:
    """Two losses on boxes of one's own, trained in the current folder."""
    what = (
        *("data=images", f"data.path={drawn_images(stored)}", "data.file=file", "data.target=[x1,y1,x2,y2]"),
        *("model=linear", "trainer.max_epochs=2", "experiment.name=own", "tracking.predictions=true"),
        f"tracking.uri={STORE}",
    )
    train_many([composed(*what, f"loss={loss}", "optimizer.lr=0.001") for loss in ("mse", "giou")], n_jobs=1)
    return build(Experiment("own", judge="mean_iou", select="mean_iou"), read_runs(STORE, "own"))


def test_a_report_shows_the_images_of_its_own_data_while_they_are_what_they_were(
    report: Report, stored: Path
) -> None:
    assert [drawn.name for drawn in predicted_boxes(report, STORE)] == ["overlaps.svg", "boxes.png"]
    images = pictures(STORE, report.chosen.iloc[0])
    assert images is not None
    shown = images(np.arange(8))
    assert shown.shape == (8, 16, 24)
    for image in shown:
        rows, columns = (np.flatnonzero(image.max(axis) > 0.5) for axis in (1, 0))
        assert (len(rows), len(columns)) == (8, 10)
    table = stored / "boxes.csv"
    table.write_text(table.read_text().replace("39.png,3,4", "39.png,2,4"))
    assert [drawn.name for drawn in predicted_boxes(report, STORE)] == ["overlaps.svg"]
    table.unlink()
    with pytest.raises(InputError, match=r"boxes\.csv does not exist"):
        list(predicted_boxes(report, STORE))  # which the gallery tells, with all other figures
