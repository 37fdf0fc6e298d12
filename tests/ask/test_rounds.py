"""Asked through the real command line: rounds of seeds, looks that count, and an end within the time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lossbench.tracking import read_runs
from lossbench.verdicts import looks

Done = subprocess.CompletedProcess[str]
Program = Callable[..., Done]


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """A line through the origin, a fifth of whose targets are far too large."""
    rng = np.random.default_rng(0)
    size = rng.uniform(0, 1, 150)
    price = 10 * size + rng.normal(0, 0.1, 150) + np.where(rng.random(150) < 0.2, 100, 0)
    lines = [f"{one:.4f},{two:.4f}" for one, two in zip(size, price, strict=True)]
    (tmp_path / "measured.csv").write_text("\n".join(["size,price", *lines]) + "\n")
    return tmp_path


@pytest.mark.slow
def test_an_answer_is_settled_after_ten_seeds_and_each_look_is_recorded(
    measured: Path, program: Program
) -> None:
    short = ("trainer.max_epochs=20", "loss=mse,mae", "seconds=600", "experiment.name=mine")
    done = program("measured.csv", "price", *short, folder=measured, module="lossbench.ask")
    assert done.returncode == 0, done.stderr
    assert "After 5 seeds" in done.stdout
    assert "a verdict is possible, not certain, from 6 seeds on" in " ".join(done.stdout.split())
    last = " ".join(done.stdout.split("After ")[-1].split())
    assert "Train with mae" in last
    assert "better than every other loss here beyond the chance of the seeds" in last
    assert "python -m lossbench -m data=" in done.stdout
    assert (measured / "experiments/mine/report.html").is_file()
    uri = f"sqlite:///{measured}/mlflow.db"
    runs = read_runs(uri, "mine")
    seeds = sorted(runs["seed"].astype(int).unique())
    assert len(runs) == 2 * 4 * len(seeds)
    assert frozenset(seeds) in looks.recorded(uri, "mine")


@pytest.mark.slow
def test_training_is_cut_short_and_said_where_the_first_round_would_take_too_long(
    measured: Path, program: Program
) -> None:
    long = ("trainer.updates=200000", "seconds=3", "loss=mse,mae")
    done = program("measured.csv", "price", *long, folder=measured, module="lossbench.ask")
    assert done.returncode == 0, done.stderr
    assert "epochs that lossbench would give it" in " ".join(done.stdout.split())
    assert "Stopped here" in done.stdout
    assert "After 10 seeds" not in done.stdout


def test_a_target_that_is_no_column_is_told_in_a_sentence(measured: Path) -> None:
    command = [sys.executable, "-m", "lossbench.ask", "measured.csv", "prize"]
    done = subprocess.run(command, cwd=measured, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("lossbench.ask: data.target=prize is no column of measured.csv")
    assert "Traceback" not in done.stderr
