"""A made-up experiment whose truth is known: three losses, contamination, four rates, ten seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

LOSSES = ("mse", "mae", "huber")
CONTAMINATION = (0.0, 0.2)
RATES = (0.001, 0.003, 0.01, 0.03)
SEEDS = 10


def rmse_of(loss: str, contamination: float) -> float:
    """The planted truth at the best rate."""
    harm = {"mse": 5.0, "mae": 0.5, "huber": 0.5}[loss]
    return {"mse": 1.0, "mae": 1.2, "huber": 1.0}[loss] + harm * contamination


def make_runs(seeds: int = SEEDS, noise: float = 0.05, **constants: Any) -> pd.DataFrame:
    """One row per run; rate 0.01 is the best for every loss, inside the grid."""
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.2, size=seeds)
    rows = []
    for loss in LOSSES:
        for contamination in CONTAMINATION:
            for rate in RATES:
                for seed in range(seeds):
                    truth = rmse_of(loss, contamination) + shared[seed]
                    test = truth + abs(np.log10(rate / 0.01)) + rng.normal(0, noise)
                    row = {
                        "run_id": f"{len(rows):032x}",
                        "outcome": "finished",
                        "status": "FINISHED",
                        "reason": None,
                        "started": pd.Timestamp("2026-01-01") + pd.Timedelta(seconds=len(rows)),
                        "seconds": 1.0,
                        "seed": seed,
                        "data.name": "outliers",
                        "data.contamination": contamination,
                        "model.name": "mlp",
                        "loss.name": loss,
                        "loss.delta": 1.0 if loss == "huber" else None,
                        "optimizer.name": "adam",
                        "optimizer.lr": rate,
                        "trainer.name": "default",
                        "best/epoch": 5.0,
                        "best/mae": test * 0.8 + rng.normal(0, noise),
                        "test/rmse": test,
                        "test/mae": test * 0.8,
                        **constants,
                    }
                    rows.append(row)
    return pd.DataFrame(rows)


@pytest.fixture
def runs() -> pd.DataFrame:
    return make_runs()


@pytest.fixture
def make() -> Callable[..., pd.DataFrame]:
    return make_runs
