"""An experiment that mixes data sets gets a section and an answer for each, and no table of dashes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from lossbench.claims.claim import Claim, Experiment
from lossbench.report.advice import advice
from lossbench.report.figures import draw, gallery
from lossbench.report.page import context, html, markdown, summary
from lossbench.report.picture import Picture
from lossbench.report.terminal import show
from lossbench.tracking.creation import prepare_database
from lossbench.tracking.runs import TUNED
from lossbench.verdicts.build import build, results_table
from lossbench.verdicts.findings import Report

PLAIN = Experiment("mixed")
GAPS = {"mse": 0.0, "mae": 0.3, "huber": 0.05}


def mixed(seeds: int = 10, classes: str = "digits") -> pd.DataFrame:
    """Three losses on a number with a knob of its own, and on classes; two learning rates."""
    rng = np.random.default_rng(0)
    rows = []
    for data in ("numbers", classes):
        split = rng.normal(0, 0.05, seeds)
        for loss, gap in GAPS.items():
            for rate in (0.01, 0.03):
                for seed in range(seeds):
                    value = split[seed] + gap + 10 * abs(rate - 0.01) + rng.normal(0, 0.02)
                    family = "mae" if data == "numbers" else "accuracy"
                    told = 2 + value if data == "numbers" else 0.4 + value
                    row = {"data.name": data, "model.name": "mlp", "loss.name": loss, "optimizer.lr": rate}
                    row |= {
                        "data.noise": 0.1 if data == "numbers" else None,
                        "seed": seed,
                        "outcome": "finished",
                    }
                    row |= {
                        "started": len(rows),
                        "run_id": f"{len(rows):032x}",
                        "reason": None,
                        "seconds": 1.0,
                    }
                    cross = (
                        {"test_cross/mse": 1.0}
                        if data == "numbers"
                        else {"test_cross/cce": 1.0, "test_cross/mae": 2.0}
                    )
                    rows.append({**row, f"test/{family}": told, f"val_best/{family}": told, **cross})
    return pd.DataFrame(rows)


def printed(report: Report) -> str:
    stream = io.StringIO()
    show(report, Console(file=stream, width=100))
    return stream.getvalue()


def test_each_data_set_is_judged_by_its_own_metric() -> None:
    report = build(PLAIN, mixed())
    assert [(one.section, one.judge, one.select) for one in report.sections] == [
        ("numbers", "mae", "mae"),
        ("digits", "accuracy", "accuracy"),
    ]
    first, second = advice(report)
    assert first.startswith("numbers: train with mse at learning rate 0.01: best mean test mae")
    assert second.startswith("digits: train with mae at learning rate 0.03: best mean test accuracy")
    tables = [table for one in report.sections for table in one.tables]
    assert len(tables) == 4
    assert all(
        not np.isnan(cell.mean) for table in tables for column in table.columns for cell in column.cells
    )


def test_every_page_has_a_section_for_each_data_set() -> None:
    report = build(PLAIN, mixed())
    pictures = {
        f"{one}--metric.svg": Picture(b"<svg/>", f"{one}: drawn.", f"{one}: seen.")
        for one in ("numbers", "digits")
    }
    pages = (
        printed(report),
        markdown(report, pictures),
        html(report, pictures),
        summary(report),
    )
    for page in pages:
        assert page.count("numbers: train with mse") == page.count("digits: train with mae") == 1
        assert "| - |" not in page
        assert "<td>-</td>" not in page
    readme = pages[1]
    parts = readme.split("\n## ")
    assert [part.split("\n")[0] for part in parts[1:]] == ["numbers", "digits"]
    for name, part in zip(("numbers", "digits"), parts[1:], strict=True):
        assert f"({name}--metric.svg)" in part
        assert part.count("--metric.svg") == 1
        assert "### Verdicts" in part
        assert "### Results" in part
    assert summary(report).count("**numbers**") == summary(report).count("**digits**") == 1


def test_verdicts_say_on_which_data_they_are() -> None:
    report = build(PLAIN, mixed())
    assert len(report.verdicts) == 6
    ids = [one.record()["id"] for one in report.verdicts]
    assert len(set(ids)) == 6
    assert [one.split(":")[0] for one in ids] == ["numbers"] * 3 + ["digits"] * 3
    assert len(results_table(report)) == len(mixed())


@pytest.mark.parametrize("where", [("numbers",), ("digits",), ("numbers", "digits")])
def test_a_loss_may_be_tuned_on_one_data_set_or_on_all(where: tuple[str, ...]) -> None:
    runs = mixed()
    huber = (runs["loss.name"] == "huber") & runs["data.name"].isin(where)
    runs.loc[huber, "loss.delta"] = runs["optimizer.lr"] * 10
    runs.loc[huber, TUNED] = '["loss.delta"]'
    report = build(PLAIN, runs)
    for part in report.sections:
        assert len(part.verdicts) == 3
        assert any("delta" in row for row in part.tables[0].rows) == (part.section in where)
    assert results_table(report)["loss.delta"].count() == huber.sum()
    assert printed(report)


def test_a_remark_names_its_data_set_unless_it_is_true_of_all() -> None:
    runs = mixed()
    assert any(
        remark.startswith("The best learning rate is the lowest")
        for remark in build(PLAIN, runs).sections[0].remarks
    )
    one = build(PLAIN, runs[runs["optimizer.lr"] == 0.01])
    assert one.remarks == (
        "No learning rate was chosen: each loss was trained at one, which may favour some.",
    )
    lost = runs[(runs["seed"] > 0) | (runs["data.name"] == "numbers") | (runs["loss.name"] != "mse")]
    assert any(remark.startswith("digits: Runs that are missing") for remark in build(PLAIN, lost).remarks)


def test_a_data_set_without_a_result_is_told() -> None:
    runs = mixed()
    runs.loc[runs["data.name"] == "digits", ["outcome", "test/accuracy", "val_best/accuracy"]] = [
        "failed",
        None,
        None,
    ]
    report = build(PLAIN, runs)
    assert report.remarks[0] == "No run on digits finished, so nothing is said of it."
    assert [one.section for one in report.sections] == ["numbers"]


def test_claims_are_judged_once_and_decide_the_marks_of_their_data_set() -> None:
    claim = Claim(
        "c", "Mine.", "t", {"data": "numbers", "loss": "mse"}, {"data": "numbers", "loss": "huber"}, "mae"
    )
    report = build(Experiment("mixed", claims=(claim,)), mixed())
    assert [(one.claim.id, one.verdict) for one in report.verdicts] == [("c", "supported")]
    assert all(one.verdicts == () for one in report.sections)
    assert report.sections[0].family.claimed == {("", "mse", "huber"): 1}
    assert report.sections[1].family.claimed == {}
    readme = markdown(report, {})
    assert readme.count("| **supported**") == 1
    assert readme.index("## Verdicts") < readme.index("## numbers")


def test_figures_carry_the_name_of_their_data_set_and_warn_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_database(tmp_path / "mlflow.db")
    monkeypatch.setattr(gallery, "PARTS", (gallery._headline, gallery._claims, gallery._cross))
    report = build(PLAIN, mixed(classes="numbers_of_digits"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures = draw(report, f"sqlite:///{tmp_path}/mlflow.db")
    assert {name.split("--")[0] for name in pictures} == {"numbers", "numbers_of_digits"}
    assert {name.split("--")[1] for name in pictures} >= {
        "metric.svg",
        "claims.svg",
        "cross.svg",
    }
    parts = context(report, pictures)["parts"]
    assert not parts[0]["figures"]
    assert len(parts[1]["figures"]) + len(parts[2]["figures"]) == len(pictures)


@pytest.mark.parametrize("judge", ["mae", "accuracy"])
def test_a_metric_that_the_experiment_names_counts_where_it_is_measured(judge: str) -> None:
    report = build(Experiment("mixed", judge=judge), mixed())
    assert [one.judge for one in report.sections] == ["mae", "accuracy"]
