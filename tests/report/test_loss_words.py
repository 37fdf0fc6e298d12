"""What a report says that losses elicit, as their runs say it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lossbench.claims.claim import Experiment
from lossbench.report.loss_words import elicited, elicited_line
from lossbench.report.page import html, markdown
from lossbench.tracking.runs import ELICITS
from lossbench.verdicts.build import build


@pytest.fixture
def runs() -> pd.DataFrame:
    rows = []
    for number, (loss, word) in enumerate([("mae", "median"), ("mse", "mean"), ("own", None)] * 3):
        row = {
            "run_id": f"{number:032x}",
            "status": "FINISHED",
            "outcome": "finished",
            "reason": None,
            "started": pd.Timestamp("2026-01-01") + pd.Timedelta(seconds=number),
            "seconds": 1.0,
            "seed": number // 3,
            "data.name": "csv",
            "model.name": "linear",
            "loss.name": loss,
            "optimizer.lr": 0.1,
            "test/mae": 1.0 + number,
            "val_best/mae": 1.0 + number,
            ELICITS: word,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def test_each_loss_with_what_it_elicits_in_the_order_of_tables(runs: pd.DataFrame) -> None:
    report = build(Experiment("x", judge="mae", select="mae"), runs)
    assert elicited_line(report) == "What each elicits: mse: mean; mae: median"


def test_the_first_table_has_it_beside_each_loss(runs: pd.DataFrame) -> None:
    report = build(Experiment("x", judge="mae", select="mae"), runs)
    assert elicited(report, ["mse", "mae, delta 1", "own"]) == {
        "mse": "mean",
        "mae, delta 1": "median",
        "own": "",
    }
    page, readme = html(report, {}), markdown(report, {})
    assert page.count('<td class="word">median</td>') == 1
    assert "elicits |" in readme.partition("<details>")[0]
    assert "| median |" in readme.partition("<details>")[0]
    assert "elicits" not in html(build(report.experiment, runs.drop(columns=ELICITS)), {})


def test_nothing_where_all_elicit_the_same_or_runs_do_not_say_it(runs: pd.DataFrame, tmp_path: Path) -> None:
    experiment = Experiment("x", judge="mae", select="mae")
    assert elicited_line(build(experiment, runs[runs["loss.name"] != "mse"])) == ""
    assert elicited_line(build(experiment, runs.drop(columns=ELICITS))) == ""
