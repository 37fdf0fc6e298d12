"""The textbook properties: that they hold, and that a loss without the property is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lossbench.anatomy import report as anatomy
from lossbench.anatomy.properties import PROPERTIES, Found, Property, boxes, embeddings, scores, values
from lossbench.report.__main__ import main
from lossbench.verdicts.conditions import LOSS_ORDER


@pytest.mark.parametrize("of", PROPERTIES, ids=lambda of: of.id)
def test_each_loss_has_its_textbook_property(of: Property) -> None:
    assert anatomy.check([of])[0].verdict == "supported"


def test_each_loss_is_checked_once_per_id() -> None:
    further = {"log_cosh", "pinball", "mape", "smape", "z_loss", "unlikelihood"}
    further |= {"iou", "giou", "diou", "ciou"}
    assert {of.loss for of in PROPERTIES} == set(LOSS_ORDER) | further
    assert all(of.id.startswith(of.loss.replace("_", "-")) for of in PROPERTIES)
    assert len({of.id for of in PROPERTIES}) == len(PROPERTIES)


def _zeros(output: Tensor, *_: object, **__: object) -> Tensor:
    return output.sum(-1) * 0


@pytest.mark.parametrize(
    ("module", "name", "ids"),
    [
        (values, "_SQUARE", {"mse-gradient-grows", "mse-finds-mean"}),
        (values, "_ABSOLUTE", {"mae-gradient-is-constant", "mae-finds-median"}),
        (values, "_HUBER", {"huber-gradient-is-clipped", "huber-lies-between"}),
        (values, "_LOG_COSH", {"log-cosh-gradient-is-tanh", "log-cosh-lies-between"}),
        (values, "_SHARE", {"mape-finds-minus-one-median", "mape-costs-one-for-nothing"}),
        (values, "pinball", {"pinball-finds-quantile"}),
        (scores, "token_unlikelihood", {"unlikelihood-lowers-what-stood-before"}),
        (scores, "binary_cross_entropy", {"bce-gradient-is-the-error", "bce-never-rests"}),
        (scores, "categorical_cross_entropy", {"cce-gradient-is-the-error", "cce-reads-right-class-only"}),
        (scores, "hinge", {"hinge-finds-side-only"}),
        (scores, "kl_divergence", {"kl-is-positive-else", "kl-is-not-symmetric"}),
        (boxes, "giou_loss", {"giou-pulls-apart", "giou-is-iou-within"}),
        (boxes, "diou_loss", {"diou-draws-centres"}),
        (boxes, "ciou_loss", {"ciou-adds-shape-alone"}),
        (embeddings, "triplet", {"triplet-compares-distances"}),
        (embeddings, "contrastive", {"contrastive-pulls-like-a-spring", "contrastive-pushes-to-the-margin"}),
    ],
)
def test_a_loss_that_is_always_zero_is_refuted(
    module: object, name: str, ids: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    elementwise = name.startswith("_") or name in ("binary_cross_entropy", "hinge")
    fake = (lambda output, target, **_: (output + target) * 0) if elementwise else _zeros
    monkeypatch.setattr(module, name, fake)
    chosen = [of for of in PROPERTIES if of.id in ids]
    assert len(chosen) == len(ids)
    assert {checked.of.id for checked in anatomy.check(chosen) if checked.verdict == "refuted"} == ids


def test_a_number_that_is_not_finite_refutes() -> None:
    endless = Property("mse-x", "s", "b", "m", lambda: Found(float("nan"), 1), 0, float("inf"))
    assert anatomy.check([endless])[0].verdict == "refuted"


def test_the_report_has_the_files_and_keys_of_the_others(tmp_path: Path) -> None:
    main([f"report.out={tmp_path}", "experiment=anatomy", "report.figures=false", "report.record=false"])
    assert {file.name for file in tmp_path.iterdir()} == {
        "README.md",
        "report.html",
        "results.csv",
        "verdicts.json",
        "made_by_lossbench.json",
    }
    records = json.loads((tmp_path / "verdicts.json").read_text())
    assert {"id", "sentence", "source", "verdict", "estimate", "interval", "p", "n"} <= records[0].keys()
    for record in records:
        assert f"**{record['verdict']}** | {record['sentence']}" in (tmp_path / "README.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert "Results</h2>" not in page
    assert "python -m lossbench.report experiment=anatomy" in page


def test_gradient_is_the_derivative() -> None:
    points = torch.tensor([1.0, 2.0, 3.0])
    from lossbench.anatomy.properties.measure import gradient

    torch.testing.assert_close(gradient(lambda x: x**3, points), 3 * points**2)
