"""Baselines are recorded as runs of a kind of their own: once for each data and seed, however often asked."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose

from lossbench.outcome import Outcome
from lossbench.tracking import baselines, read_runs, runs
from lossbench.train import train_many

pytestmark = pytest.mark.usefixtures("composing")

SERIES = ["data=series", "data.path=power.csv", "data.time=when", "data.target=load", "data.past=4"]
PLAIN = [*SERIES, "data.season=1"]  # which has no season to repeat, so one baseline
SERIES += ["data.season=1"]  # which has one baseline, the last value


@pytest.fixture
def folder(stored: Path) -> Path:
    wave(stored)
    return stored


def wave(folder: Path, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    when = pd.date_range("2024-01-01", periods=120, freq="h").strftime("%Y-%m-%d %H:%M")
    frame = pd.DataFrame({"when": when, "load": draw.normal(size=120).cumsum().round(3)})
    frame.to_csv(folder / "power.csv", index=False)
    return frame


def train(*sweeps: str, folder: Path) -> list[Outcome]:
    uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    fixed = ["model=linear", "trainer.max_epochs=1", "experiment.name=small", uri]
    return train_many([compose("config", [*PLAIN, *fixed, *one.split()]) for one in sweeps], n_jobs=1)


def found(folder: Path) -> pd.DataFrame:
    return read_runs(f"sqlite:///{folder}/mlflow.db", "small", (baselines.KIND,))


def all_of(folder: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        return database.execute("SELECT name FROM runs WHERE name LIKE '%(baseline) seed=%'").fetchall()


def test_each_data_condition_and_seed_has_one_run_and_what_is_recorded_is_not_measured_again(
    folder: Path,
) -> None:
    sweep = [
        f"loss=mse data.horizon={ahead} seed={seed} optimizer.lr=0.01" for ahead in (1, 3) for seed in (0, 1)
    ]
    outcomes = train(*sweep, f"{sweep[0]} optimizer.lr=0.1", f"{sweep[0]} loss=mae", folder=folder)
    assert len(outcomes) == 6
    told = found(folder)
    assert sorted(zip(told["data.horizon"], told["seed"], strict=True)) == [(1, 0), (1, 1), (3, 0), (3, 1)]
    assert set(told[runs.BASELINE]) == {"naive"}
    assert "loss.name" not in told
    assert set(told["outcome"]) == {"finished"}
    load = pd.read_csv(folder / "power.csv")["load"].to_numpy()
    ahead = [
        np.abs(load[96 + 4 + step : 120 + step - 2] - load[96 + 3 : 120 - 3]).mean() for step in (0, 1, 2)
    ]
    assert told.loc[told["data.horizon"] == 3, "test/mae"].tolist() == pytest.approx([np.mean(ahead)] * 2)

    train(*sweep, "loss=huber seed=1", folder=folder)
    pd.testing.assert_frame_equal(found(folder), told)
    assert len(all_of(folder)) == 4


def test_changed_data_is_measured_anew_and_without_resume_all_is(folder: Path) -> None:
    train("loss=mse", folder=folder)
    (before,) = found(folder)["test/mae"]
    train("loss=mse tracking.resume=false", folder=folder)
    assert found(folder)["test/mae"].tolist() == [before]  # of two records one counts
    assert len(all_of(folder)) == 2
    wave(folder, seed=1)
    train("loss=mse", folder=folder)
    kept, later = found(folder)["test/mae"]
    assert kept == before != later
    assert found(folder)[runs.FINGERPRINT].nunique() == 2


def test_where_all_runs_are_finished_a_baseline_that_came_later_is_measured_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lossbench.data.series import Series

    with monkeypatch.context() as patch:
        patch.setattr(Series, "baselines", lambda self: {})
        train("loss=mse", "loss=mae", folder=folder)
        assert all_of(folder) == []
    outcomes = train("loss=mse", "loss=mae", folder=folder)
    assert [outcome.found for outcome in outcomes] == [True, True]
    assert len(all_of(folder)) == 1


def test_baselines_take_no_part_in_what_a_sweep_counts(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    train("loss=mse", "loss=mae", folder=folder)
    train("loss=mse", "loss=mae", "loss=huber", folder=folder)
    assert "1 of 3 runs to train, 2 finished" in caplog.text
    assert len(read_runs(f"sqlite:///{folder}/mlflow.db", "small")) == 3


def test_a_single_run_tells_what_it_has_to_beat(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    train("loss=mse seed=5", folder=folder)
    assert "naive (baseline) seed=5:\n  test/mae " in caplog.text


def test_data_without_baselines_leaves_no_trace_and_nothing_is_imported_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "lossbench.pack.baselines", raising=False)
    small = "data.train_size=60 data.val_size=20 data.test_size=20"
    uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    train_many([compose("config", [*small.split(), "trainer.max_epochs=1", uri])], n_jobs=1)
    assert all_of(folder) == []
    assert "lossbench.pack.baselines" not in sys.modules


@pytest.mark.slow
def test_a_sweep_and_its_report_show_the_row_and_tell_who_is_no_better(
    folder: Path, program: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    sweep = [*SERIES, "data.season=24", "data.horizon=1,3", "model=linear", "loss=mse,mae", "seed=0,1"]
    sweep.append("trainer.max_epochs=1")
    for _ in range(2):
        done = program("-m", *sweep, "experiment.name=small", folder=folder)
        assert done.returncode == 0, done.stderr
        assert len(all_of(folder)) == 8  # of two baselines, two seeds and two horizons
    report = program("experiment=small", "report.figures=false", folder=folder, module="lossbench.report")
    assert report.returncode == 0, report.stderr
    told = " ".join(report.stdout.split())
    assert "! No better than a baseline, which needs no training, in mean test mae: mse, horizon 1: " in told
    assert "The baseline naive is no worse: " in told
    for name in ("naive (baseline) ", "seasonal naive (baseline) "):
        (row,) = (line for line in report.stdout.splitlines() if line.startswith(name))
        assert len(row.removeprefix(name).split()) == 2
    page = (folder / "experiments" / "small" / "README.md").read_text()
    assert "| naive (baseline) | " in page
    assert "8 runs, 2 seeds." in page
    assert "naive (baseline)" in (folder / "experiments" / "small" / "report.html").read_text()
    assert len(pd.read_csv(folder / "experiments" / "small" / "results.csv")) == 8
    run_id = str(found(folder).loc[0, "run_id"])
    refused = program(run_id, folder=folder, module="lossbench.rerun")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "naive, which needs no training" in refused.stderr


# Tells at the end whether the command has imported torch.
WATCHED = """
import atexit, runpy, sys
if __name__ == "__main__":  # workers import this module, too
    atexit.register(lambda: print("torch" in sys.modules))
    runpy.run_module("lossbench", run_name="__main__")
"""


@pytest.mark.slow
def test_a_sweep_that_workers_plan_measure_and_train_gives_the_numbers_of_one_process_and_imports_no_torch(
    folder: Path,
    program: Callable[..., subprocess.CompletedProcess[str]],
    light_program: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    (folder / "watched.py").write_text(WATCHED)
    sweep = ["-m", *SERIES, "data.horizon=1,3", "model=linear", "loss=mse,mae", "seed=0,1"]
    sweep.append("trainer.max_epochs=1")
    told = {}
    for name, run, torch in (("by_workers", light_program, "False"), ("here", program, "True")):
        done = run(*sweep, f"experiment.name={name}", folder=folder, module="watched")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == torch
        assert done.stdout.count("4 runs train stacked (vmap)") == 2
        frame = read_runs(f"sqlite:///{folder}/mlflow.db", name, ("member", baselines.KIND))
        numbers = [column for column in frame if column.startswith(("test", "val_best/", "train/"))]
        told[name] = frame.set_index("name")[["loss.name", "data.horizon", *numbers]].sort_index()
    assert len(told["here"]) == 12
    pd.testing.assert_frame_equal(told["by_workers"], told["here"], check_exact=True)
