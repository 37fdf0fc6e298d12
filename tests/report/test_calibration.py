"""The verdict rule keeps its promise where the truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lossbench.report import calibration, calibration_real
from lossbench.report.calibration_real import by_seed, real_runs
from lossbench.report.statistics import Region, claim_p, decide, holm, paired_interval
from lossbench.seeds import numpy_generator

RECORDED = Path(__file__).parents[2] / "experiments" / "calibration" / "results.csv"


@pytest.mark.parametrize("results", list(calibration.RESULTS))
@pytest.mark.parametrize("seeds", [5, 8, 10])
def test_equal_losses_get_at_most_five_percent_false_verdicts(results: str, seeds: int) -> None:
    rng = numpy_generator(1, "a/a", results, seeds)
    values = calibration.differences_of_one_loss(results, (1500, 1, seeds), rng)
    interval, region = paired_interval(values), Region.of("better", 0.0)
    verdicts = decide(interval, holm(claim_p(values, region)), region)
    assert (verdicts != 0).mean() <= 0.05
    assert ((interval.low <= 0) & (interval.high >= 0)).mean() >= 0.93


def test_the_recorded_table_keeps_the_promise() -> None:
    table = pd.read_csv(RECORDED)
    same = table[(table["part"] == "A/A") & (table["kind"] == "better")]
    assert set(same["seeds"]) == {5, 10, 20}
    assert (same["experiments"] >= 1000).all()
    assert (same["supported"] + same["refuted"]).max() <= 0.05
    assert same["coverage"].min() >= 0.93
    assert table.loc[(table["part"] == "A/A") & (table["kind"] == "as_good_as"), "refuted"].max() == 0


@pytest.mark.slow
def test_the_recorded_table_is_what_the_command_writes(tmp_path: Path) -> None:
    calibration.main(tmp_path, RECORDED.parents[1])
    made, recorded = pd.read_csv(tmp_path / "results.csv"), pd.read_csv(RECORDED)
    numbers = ["supported", "refuted", "coverage"]
    assert np.allclose(made[numbers], recorded[numbers], atol=1e-9)
    assert (tmp_path / "README.md").read_text() == (RECORDED.parent / "README.md").read_text()


def test_the_page_speaks_of_the_real_runs_of_the_folder_that_is_named(tmp_path: Path) -> None:
    made = tmp_path / "elsewhere"
    calibration.main(made, RECORDED.parents[1], experiments=20)
    told = pd.read_csv(made / "real_runs.csv")["runs of"].str.partition(",")[0].tolist()
    assert told == list(calibration_real.JUDGED_BY)  # each has been recorded
    page = (made / "README.md").read_text()
    assert all(f"| {name}, " in page for name in told)


def test_on_real_runs_a_loss_against_itself_is_seldom_decided_and_a_missing_folder_is_no_fault(
    tmp_path: Path,
) -> None:
    assert real_runs(tmp_path).empty
    rng = np.random.default_rng(0)
    seeds, conditions = 20, 30
    rows = [
        {"loss.name": "mse", "optimizer.lr": rate, "seed": seed, "outcome": "finished", "reason": None}
        | {"test/rmse": rng.lognormal()}
        for rate in range(conditions)
        for seed in range(seeds)
    ]
    folder = tmp_path / "outliers"
    folder.mkdir()
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    found = real_runs(tmp_path, deals=20).iloc[0]
    assert (found["seeds"], found["conditions"], found["experiments"]) == (10, 30, 600)
    assert found["false"] < 0.08
    assert found["coverage"] > 0.9


def test_real_runs_leave_out_what_did_not_finish() -> None:
    runs = pd.DataFrame(
        {
            "loss.name": ["mse", "mse", "mae", "mae"],
            "seed": [0, 1, 0, 1],
            "outcome": ["finished", "diverged", "finished", "finished"],
            "test/rmse": [1.0, 2.0, 3.0, 4.0],
            "best/rmse": [1.0, 2.0, 3.0, 4.0],
        }
    )
    np.testing.assert_array_equal(by_seed(runs, "test/rmse"), [[3.0, 4.0]])
