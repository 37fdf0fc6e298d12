"""Boxes that follow the gradient of a loss by themselves: IoU alone lets them stand, and the page says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lossbench.box_regression import __main__ as box_regression
from lossbench.box_regression import descent
from lossbench.box_regression.descent import (
    DROPS,
    FARTHEST,
    STEPS,
    WAYS,
    WIDTH,
    Way,
    all_descents,
    best,
    descents,
    gradients,
    starts,
)
from lossbench.box_regression.findings import LOSSES, All, checked
from lossbench.losses.boxes import beside
from lossbench.losses.loss import Loss
from lossbench.losses.mse import MSE

RECORDED = Path(__file__).parents[2] / "experiments" / "box_regression"
FEW = starts(4)
PLAIN, ADAM = WAYS


def test_boxes_start_all_over_the_disc_in_all_shapes_and_sizes() -> None:
    every = starts()
    middle = every.target.unflatten(-1, (2, 2)).mean(-2)
    assert middle.abs().max() < 1e-12
    target = every.target[:, 2:] - every.target[:, :2]
    torch.testing.assert_close(target.prod(-1), torch.full_like(target[:, 0], WIDTH**2))
    centre = every.box.unflatten(-1, (2, 2)).mean(-2)
    torch.testing.assert_close(centre.norm(dim=-1) / WIDTH, every.distance)
    assert every.distance.max() < FARTHEST
    assert centre.mean(0).norm() < 0.05 * WIDTH * FARTHEST  # to all sides
    area = (every.box[:, 2:] - every.box[:, :2]).prod(-1) / WIDTH**2
    assert sorted({round(value, 6) for value in area.tolist()}) == [0.5, 1.0, 2.0]
    assert 0.5 < every.apart.double().mean() < 0.95
    assert len(torch.cat([every.box, every.target], -1).unique(dim=0)) == len(every.box)
    assert torch.equal(every.box, starts().box)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_iou_alone_has_no_gradient_where_boxes_have_nothing_in_common(loss: Loss) -> None:
    every = starts()
    still = (gradients(loss, every) == 0).all(-1)
    if loss.name == "iou":
        assert torch.equal(still, every.apart)
    else:
        assert not still.any()


@pytest.fixture(scope="module")
def found() -> All:
    return all_descents(LOSSES, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_iou_stalls_apart_and_finds_what_it_overlaps(way: Way, found: All) -> None:
    for one in found["iou", way.name]:
        assert not one.moved[FEW.apart].any()
        assert not one.iou[FEW.apart].any()
    chosen, before = best(found["iou", way.name]), beside(FEW.box, FEW.target).iou
    met = ~FEW.apart
    assert chosen.moved[met].all()
    assert chosen.iou[met].mean() > before[met].mean() + 0.3


@pytest.mark.slow
@pytest.mark.parametrize("loss", [loss.name for loss in LOSSES if loss.name != "iou"])
def test_no_other_loss_stalls(loss: str, found: All) -> None:
    for way in WAYS:
        chosen = best(found[loss, way.name])
        assert chosen.moved.all()
        assert (chosen.iou[FEW.apart] > 0).double().mean() >= 0.95
        assert chosen.mean > (0.8 if way is PLAIN else 0.99)


def test_a_descent_on_squared_error_is_the_geometric_one() -> None:
    """Each edge's distance shrinks by 1 - rate / 2 a step, whatever the others do."""
    rates = (0.01, 0.3)
    found = descents(MSE(), FEW, Way("plain", torch.optim.SGD, rates))
    for rate, one in zip(rates, found, strict=True):
        left, path = 1.0, [beside(FEW.box, FEW.target).iou.mean().item()]
        for step in range(STEPS):
            left *= 1 - rate * 0.1 ** sum(step >= drop for drop in DROPS) / 2
            box = FEW.target + left * (FEW.box - FEW.target)
            path.append(beside(box, FEW.target).iou.mean().item())
        assert one.rate == rate
        np.testing.assert_allclose(one.path.numpy(), path, atol=1e-9)
        np.testing.assert_allclose(one.iou.mean(), path[-1], atol=1e-9)


def test_adam_is_that_of_torch_on_each_box_alone() -> None:
    """Boxes are independent: one alone takes the way that it takes among all."""
    one = slice(17, 18)
    alone = type(FEW)(FEW.box[one], FEW.target[one], FEW.distance[one])
    way = Way("Adam", torch.optim.Adam, (0.02,))
    (together,), (single,) = descents(LOSSES[4], FEW, way), descents(LOSSES[4], alone, way)
    torch.testing.assert_close(single.iou, together.iou[one])


@pytest.mark.slow
def test_verdicts_follow_from_what_boxes_did(found: All) -> None:
    verdicts = {one.of.id: one for one in checked(found, FEW.apart)}
    assert verdicts["iou-stalls"].verdict == "supported"
    assert verdicts["iou-stalls"].points == int(FEW.apart.sum())
    moving = {**found, ("iou", "Adam"): found["giou", "Adam"]}
    told = {one.of.id: one.verdict for one in checked(moving, FEW.apart)}
    assert told["iou-stalls"] == "refuted"
    stalling = {**found, ("diou", "gradient descent"): found["iou", "gradient descent"]}
    told = {one.of.id: one.verdict for one in checked(stalling, FEW.apart)}
    assert told["others-reach"] == told["order"] == "refuted"
    ideal = {**found}
    for way in WAYS:
        ideal["ciou", way.name] = found["mse", PLAIN.name]
        ideal["diou", way.name], ideal["giou", way.name] = found["giou", ADAM.name], found["iou", way.name]
        for loss in ("mse", "mae", "huber"):
            ideal[loss, way.name] = found["iou", way.name]
    told = {one.of.id: one.verdict for one in checked(ideal, FEW.apart)}
    assert told["order"] == told["overlap-beats-coordinates"] == "supported"


def test_the_command_writes_a_page_with_its_table_verdicts_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descent, "STEPS", 3)
    box_regression.main(tmp_path / "new", places=1)
    names = {file.name for file in (tmp_path / "new").iterdir()}
    assert names == {
        *("README.md", "report.html", "results.csv", "verdicts.json", "made_by_lossbench.json"),
        *("ends.svg", "paths.svg"),
    }
    page, rows = (tmp_path / "new" / "README.md").read_text(), pd.read_csv(tmp_path / "new" / "results.csv")
    assert len(rows) == len(LOSSES) * sum(len(way.rates) for way in WAYS)
    assert rows.groupby(["loss", "way"])["best"].sum().eq(1).all()
    for record in json.loads((tmp_path / "new" / "verdicts.json").read_text()):
        assert f"| **{record['verdict']}** | {record['sentence']} " in page
    assert "iou-stalls" not in page
    assert "IoU loss does not move a box" in " ".join(capsys.readouterr().out.split())


def test_the_recorded_page_says_what_was_recorded() -> None:
    rows = pd.read_csv(RECORDED / "results.csv")
    verdicts = {one["id"]: one for one in json.loads((RECORDED / "verdicts.json").read_text())}
    page = (RECORDED / "README.md").read_text()
    apart = rows[rows["loss"] == "iou"]
    assert (apart["apart_moved"] == 0).all()
    assert (apart["apart_overlap"] == 0).all()
    assert "- iou never moves a box that lies apart from its target; all others bring at least" in page
    chosen = rows[rows["best"] & (rows["loss"] != "iou")]
    assert (chosen["apart_moved"] == 1).all()
    assert (chosen["apart_overlap"] >= 0.99).all()
    assert verdicts["iou-stalls"]["verdict"] == verdicts["others-reach"]["verdict"] == "supported"
    for loss, value in chosen[["loss", "mean_iou"]].itertuples(index=False):
        assert f"| {loss} | " in page
        assert f" {value:.3f} |" in page


@pytest.mark.slow
def test_the_recorded_table_is_what_the_command_writes(tmp_path: Path) -> None:
    box_regression.main(tmp_path)
    found, recorded = (pd.read_csv(folder / "results.csv") for folder in (tmp_path, RECORDED))
    names = ["loss", "way", "rate", "best"]
    assert found[names].equals(recorded[names])
    np.testing.assert_allclose(
        found.drop(columns=names), recorded.drop(columns=names), atol=2e-2
    )  # near a target large steps magnify rounding
