"""Above the charts MLflow shows what the runs say, from the sweep and then from the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lossbench.report.__main__ import main as report
from lossbench.review.answer_note import MOST, measured
from lossbench.review.refresh import refresh
from lossbench.tracking.runs import NOTE

Sweep = Callable[..., None]
Query = Callable[..., list[tuple[Any, ...]]]
TOLD = f"select value from experiment_tags where key = '{NOTE}'"


def test_a_sweep_tells_the_means_with_their_intervals_the_best_first(
    uri: str, sweep: Sweep, query: Query
) -> None:
    sweep(uri, seeds=range(4))
    refresh(uri, "demo")
    ((told,),) = query(TOLD)
    first, last = told.split("\n\n")
    assert first.startswith("outliers: test rmse, lower is better: huber 1.")
    assert first.index(" huber ") < first.index(" mae ") < first.index(" mse ")
    assert first.count(" to ") == 3
    assert first.endswith("; 4 seeds")
    assert f"`python -m lossbench.report experiment=demo tracking.uri={uri}`" in last


def test_the_report_says_how_sure_it_is_and_the_next_sweep_takes_its_place(
    uri: str, sweep: Sweep, query: Query, tmp_path: Path
) -> None:
    sweep(uri, seeds=range(8))
    refresh(uri, "demo")
    report(
        ["experiment=demo", f"tracking.uri={uri}", "report.figures=false", f"report.out={tmp_path / 'out'}"]
    )
    ((told,),) = query(TOLD)
    assert told.startswith("Train with huber")
    assert "Verdicts: 3 supported of 3." in told
    assert "[The whole report](#/experiments/1/runs/" in told
    sweep(uri, seeds=[8])
    refresh(uri, "demo")
    ((now,),) = query(TOLD)
    assert now.startswith("outliers: test rmse")
    assert "9 seeds" in now


def test_without_anything_to_compare_there_is_the_command_alone() -> None:
    told = measured([], "sqlite:///mlflow.db", "demo")
    assert told.endswith("`python -m lossbench.report experiment=demo`")
    assert MOST == 6
