"""Summary runs: the right numbers, one per condition however often they are made, and never counted."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lossbench import palette
from lossbench.claims.claim import Experiment
from lossbench.review import refresh as module
from lossbench.review.answer_note import report_of
from lossbench.review.refresh import outdated, refresh
from lossbench.review.sweep import conclude
from lossbench.tracking import RunResult, Store, baselines, opening, read_histories, read_runs
from lossbench.tracking.client_writer import ClientWriter
from lossbench.tracking.runs import BASELINE, FINGERPRINT, KIND
from lossbench.verdicts.build import build
from lossbench.verdicts.results import select_of

Sweep = Callable[..., None]
Query = Callable[..., list[tuple[Any, ...]]]
PARENTS = """SELECT runs.name, parents.name FROM runs
    JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'mlflow.parentRunId'
    JOIN runs AS parents ON parents.run_uuid = tags.value AND parents.lifecycle_stage = 'active'"""
CONTENT = """SELECT runs.name, tags.key, tags.value FROM runs JOIN tags USING (run_uuid)
    WHERE lifecycle_stage = 'active'
    AND tags.key NOT IN ('mlflow.parentRunId', 'lossbench.process', 'mlflow.user')
    UNION SELECT runs.name, params.key, params.value FROM runs JOIN params USING (run_uuid)
    WHERE lifecycle_stage = 'active'
    UNION SELECT runs.name, metrics.key || metrics.step, metrics.value FROM runs JOIN metrics USING (run_uuid)
    WHERE lifecycle_stage = 'active'"""


def summaries(uri: str) -> pd.DataFrame:
    return read_runs(uri, "demo", kinds=("summary",)).set_index("name")


def test_a_summary_holds_mean_interval_and_curves_of_the_rate_that_validation_chose(
    uri: str, sweep: Sweep, query: Query
) -> None:
    sweep(uri)
    refresh(uri, "demo")
    made = summaries(uri)
    assert sorted(made.index) == ["huber", "mae", "mse"]
    values = [2.0, 2.1, 2.2]
    mae = made.loc["mae"]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert mae["test/rmse"] == pytest.approx(2.1)
    assert (mae["test_interval/rmse_low"], mae["test_interval/rmse_high"]) == pytest.approx(
        (low, high), rel=1e-5
    )
    assert mae["optimizer.lr"] == 0.01
    assert mae["total/seeds"] == 3
    assert "seed" not in made.columns
    curve = read_histories(uri, [mae["run_id"]], "val/rmse")
    assert curve["step"].tolist() == [1, 2, 3, 4, 5]
    assert curve["value"].tolist() == pytest.approx([2.1 + 1 / epoch for epoch in range(1, 6)], rel=1e-5)
    tags = dict(query("SELECT key, value FROM tags WHERE run_uuid = ?", mae["run_id"]))
    assert tags["mlflow.runColor"] == palette.color("mae")
    cells = [[cell.strip() for cell in line.split("|")] for line in tags["mlflow.note.content"].split("\n")]
    assert ["", "**rmse**", "2.10", "1.85 to 2.35", "lower", ""] in cells
    assert ["", "**0.01** (chosen)", "2.3", "3", "0", ""] in cells


def test_what_a_summary_holds_is_rounded_and_the_judging_metric_is_found_first(
    uri: str, sweep: Sweep, query: Query
) -> None:
    sweep(uri, seeds=(1, 2, 4))
    refresh(uri, "demo")
    # Without an order, as MLflow reads them.
    found = query(
        "SELECT key, value FROM latest_metrics WHERE run_uuid = ?", summaries(uri).loc["mae", "run_id"]
    )
    assert found[0] == ("test/rmse", pytest.approx(2.23333))
    assert all(len(f"{value:.9g}".replace(".", "")) <= 7 for _, value in found), found
    assert {key.partition("/")[0] for key, _ in found} == {
        *("test", "test_interval", "total", "train", "val", "val_best")  # the chart view begins with test
    }


def test_conditions_of_a_loss_have_shades_of_its_colour_and_their_runs_name_them(
    uri: str, sweep: Sweep, query: Query
) -> None:
    for share in ("0.0", "0.2"):
        sweep(uri, **{"data.contamination": share})
    refresh(uri, "demo")
    tags = "SELECT runs.name, tags.value FROM runs JOIN tags USING (run_uuid) WHERE tags.key = ?"
    colors = {name: color for name, color in query(tags, "mlflow.runColor") if "contamination" in name}
    for loss in ("mse", "mae", "huber"):
        names = [f"{loss}, contamination {share}" for share in ("0", "0.2")]
        assert [colors[name] for name in names] == palette.shades(palette.color(loss), 2)
    named = query(tags, "lossbench.condition")
    assert len(named) == 54
    assert all(condition.startswith(f"{run.split()[0]}, contamination 0") for run, condition in named)


def test_a_knob_that_only_some_models_have_names_conditions_all_the_same(uri: str, sweep: Sweep) -> None:
    some = {"rates": (0.01,), "seeds": (0, 1), "losses": ("mse",)}
    for width in ("[8]", "[16]"):
        sweep(uri, **some, **{"model.hidden": width})
    sweep(uri, **some, **{"model.name": "linear"})
    refresh(uri, "demo")
    assert len(summaries(uri)) == 3


def test_losses_are_listed_first_in_their_order_and_every_run_is_below_its_own(
    uri: str, sweep: Sweep, query: Query
) -> None:
    sweep(uri)
    refresh(uri, "demo")
    names = [name for (name,) in query("SELECT name FROM runs ORDER BY start_time DESC LIMIT 3")]
    assert names == ["mse", "mae", "huber"]
    parents = query(PARENTS)
    assert len(parents) == 27
    assert all(child.startswith(f"{parent} ") for child, parent in parents)


def test_summaries_keep_their_ids_and_are_replaced_when_a_sweep_grows(
    uri: str, sweep: Sweep, query: Query
) -> None:
    sweep(uri)
    first = refresh(uri, "demo")
    before = query(CONTENT)
    assert refresh(uri, "demo") == first
    assert query(CONTENT) == before
    assert outdated(uri) == []
    sweep(uri, losses=["mae"], seeds=[3, 4])
    assert outdated(uri) == ["demo"]
    assert refresh(uri, "demo") == first
    assert summaries(uri).loc["mae", ["test/rmse", "total/seeds"]].tolist() == pytest.approx([2.2, 5.0])
    sweep(uri, losses=["mae"], **{"data.contamination": "0.2"})
    refresh(uri, "demo")
    assert "mae, contamination 0.2" in summaries(uri).index
    assert "mae" not in summaries(uri).index


def test_summaries_are_no_runs_to_the_report_and_to_resume(uri: str, sweep: Sweep) -> None:
    sweep(uri)
    before = read_runs(uri, "demo")
    refresh(uri, "demo")
    after = read_runs(uri, "demo")
    assert after["run_id"].tolist() == before["run_id"].tolist()
    keys = summaries(uri)["key"].tolist()
    assert not set(keys) & set(after["key"])
    with Store(uri) as store:
        assert set(store.finished(after["key"].tolist())) == set(before["key"])


def test_failed_and_diverged_runs_are_counted_and_the_rate_at_which_none_diverged_is_chosen(
    uri: str, sweep: Sweep, query: Query
) -> None:
    outcomes = {("mae", 0.01, 0): "diverged", ("huber", 0.1, 1): "failed", ("huber", 0.1, 2): "killed"}
    sweep(uri, outcomes=outcomes)
    refresh(uri, "demo")
    made = summaries(uri)
    assert made.loc["mae", "optimizer.lr"] == 0.001
    assert made.loc["huber", ["total/failed", "total/diverged", "total/seeds"]].tolist() == [2, 0, 3]
    assert len(query(PARENTS)) == 27


def test_a_failed_run_that_was_trained_again_is_below_the_loss_too(
    uri: str, sweep: Sweep, query: Query
) -> None:
    sweep(uri, losses=["mae"], rates=[0.01], seeds=[0], outcomes={("mae", 0.01, 0): "failed"})
    sweep(uri, losses=["mae"], rates=[0.01], seeds=[0])
    refresh(uri, "demo")
    assert query(PARENTS) == [("mae lr=0.01 seed=0", "mae")] * 2


def test_data_sets_in_one_experiment_are_each_judged_by_a_metric_that_they_have(
    uri: str, sweep: Sweep
) -> None:
    sweep(uri)
    sweep(uri, metric="accuracy", **{"data.name": "my_digits"})
    refresh(uri, "demo")
    made = summaries(uri)
    assert made.loc["mae, outliers", "test/rmse"] == pytest.approx(2.1)
    assert made.loc["mae, my_digits", "optimizer.lr"] in (0.001, 0.1)  # there, more is better
    assert made.loc["mae, my_digits", "test/accuracy"] == pytest.approx(3.1)


def test_the_client_writes_what_the_rows_say(
    uri: str, sweep: Sweep, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(uri)
    rows = refresh(uri, "demo")
    wanted = query(CONTENT)
    monkeypatch.setattr(module, "writer", ClientWriter)
    made = refresh(uri, "demo")
    assert not set(made) & set(rows)
    assert query(CONTENT) == wanted
    assert len(query(PARENTS)) == 27


def test_nothing_is_made_of_an_experiment_without_a_result(uri: str, sweep: Sweep) -> None:
    sweep(uri, losses=["mae"], rates=[0.01], seeds=[0], outcomes={("mae", 0.01, 0): "failed"})
    assert refresh(uri, "demo") == []


def test_a_sweep_ends_well_when_summaries_cannot_be_made(
    uri: str, sweep: Sweep, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(uri)
    node = {"name": "demo", "judge": None, "select": None}
    with caplog.at_level(logging.INFO):
        conclude(uri, [node, node])
    assert "viewStateShareKey=lossbench-losses" in caplog.text
    last = caplog.records[-1].getMessage()  # what a person does next, with the address where it is no default
    assert last.endswith(f"python -m lossbench.report experiment=demo tracking.uri={uri}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert report_of(uri, "my demo") == "python -m lossbench.report 'experiment=my demo'"
    caplog.clear()
    with caplog.at_level(logging.INFO):
        conclude(uri.replace("mlflow.db", "gone.db"), [node])
    (said,) = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.INFO]
    assert said.startswith("The summary runs of demo could not be made")
    assert "python -m lossbench.review experiment=demo" in said


@pytest.mark.parametrize(("judge", "select"), [(None, None), ("rmse", None), ("rmse", "r2")])
def test_summary_rows_choose_by_the_metric_by_which_the_report_chooses(
    judge: str | None, select: str | None
) -> None:
    numbers = dict.fromkeys(
        ("val_best/mae", "val_best/rmse", "val_best/r2", "test/mae", "test/rmse", "test/r2"), 1.0
    )
    names = {"data.name": "mine", "model.name": "mlp", "loss.name": "mse", "optimizer.name": "adam"}
    row = {**numbers, **names, "optimizer.lr": 0.1, "seed": 0, "outcome": "finished", "run_id": "a"}
    row |= {"started": pd.Timestamp("2026-01-01"), "lossbench.select": "r2", "status": "FINISHED"}
    runs = pd.DataFrame([row])
    told = build(Experiment("x", judge=judge, select=select), runs, select_of(runs))
    assert module._metrics_of(judge, select, runs) == (told.judge, told.select)
    assert told.select == (select or ("rmse" if judge == "rmse" else "r2"))


def baseline(uri: str, value: float, seeds: Sequence[int] = (0, 1, 2), **data: str) -> None:
    """Records of a baseline of the sweep's data, as training would make them."""
    starts = []
    for seed in seeds:
        tags = {
            KIND: baselines.KIND,
            BASELINE: "naive",
            FINGERPRINT: "outliers-0",
            "lossbench.data": "outliers",
        }
        params = {"data.name": "outliers", "seed": str(seed), **data}
        starts.append(opening(f"naive {sorted(params.items())}", "demo", "naive", params, tags, None))
    with Store(uri) as store:
        ids = store.start(starts)
        results = zip(ids, seeds, strict=True)
        store.finish([RunResult(i, "finished", metrics={"test/rmse": value + seed}) for i, seed in results])


def test_a_baseline_has_a_summary_of_its_own_with_its_runs_below(
    uri: str, sweep: Sweep, query: Query
) -> None:
    sweep(uri)
    baseline(uri, 5.0)
    refresh(uri, "demo")
    made = summaries(uri)
    assert sorted(made.index) == ["huber", "mae", "mse", "naive (baseline)"]
    told = made.loc["naive (baseline)"]
    assert told["test/rmse"] == 6.0
    assert (told["total/seeds"], told["total/diverged"], told["total/failed"]) == (3, 0, 0)
    tags = dict(query("SELECT key, value FROM tags WHERE run_uuid = ?", told["run_id"]))
    assert tags["mlflow.runColor"] == palette.BASELINE
    assert "It needs no training" in tags["mlflow.note.content"]
    assert "lossbench.loss" not in tags
    below = [name for name, parent in query(PARENTS) if parent == "naive (baseline)"]
    assert below == ["naive"] * 3
    again = refresh(uri, "demo")
    assert told["run_id"] in again
    assert len(summaries(uri)) == 4


def test_a_baseline_has_a_summary_for_each_condition_of_its_data_alone(uri: str, sweep: Sweep) -> None:
    for level in ("0", "0.2"):
        for model in ("mlp", "linear"):
            sweep(uri, **{"data.contamination": level, "model.name": model})
        baseline(uri, 5.0 + float(level), **{"data.contamination": level})
    baseline(uri, 9.0, **{"data.contamination": "0.4"})  # on which no loss was trained
    refresh(uri, "demo")
    made = summaries(uri)
    own = made[made.index.str.startswith("naive")]
    assert own["test/rmse"].round(6).to_dict() == {
        "naive (baseline), contamination 0": 6.0,
        "naive (baseline), contamination 0.2": 6.2,
    }
    assert len(made) == 3 * 4 + 2


def test_a_baseline_that_was_measured_later_makes_summaries_outdated(uri: str, sweep: Sweep) -> None:
    sweep(uri)
    refresh(uri, "demo")
    assert outdated(uri) == []
    baseline(uri, 5.0)
    assert outdated(uri) == ["demo"]


def test_a_sweep_ends_without_importing_all_of_scipy() -> None:
    code = "import lossbench.review.refresh, sys; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
