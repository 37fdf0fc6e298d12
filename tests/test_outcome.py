"""How good a run was on validation, by the metric by which a report chooses its trial."""

from __future__ import annotations

import math

import pytest
from hydra import compose

from lossbench.job import Job, jobs_from
from lossbench.outcome import Outcome

pytestmark = pytest.mark.usefixtures("composing")
METRICS = {
    "val_best/mae": 2.0,
    "val_choose/mae": 3.0,
    "val_best/rmse": 4.0,
    "val_best/r2": 0.5,
    "test/mae": -100.0,
}


def job(*overrides: str) -> Job:
    return jobs_from([compose("config", list(overrides))])[0]


@pytest.mark.parametrize(
    ("overrides", "merit"),
    [
        ((), -3.0),
        (("experiment.judge=rmse",), -4.0),
        (("experiment.judge=rmse", "experiment.select=mae"), -3.0),
        (("experiment.select=r2",), 0.5),
    ],
)
def test_merit_is_of_the_metric_that_chooses(overrides: tuple[str, ...], merit: float) -> None:
    assert Outcome(job(*overrides), "finished", None, METRICS).merit == merit


def test_a_diverged_run_is_the_worst_and_a_failed_one_says_nothing() -> None:
    assert Outcome(job(), "diverged").merit == -math.inf
    assert Outcome(job(), "failed").merit is None
