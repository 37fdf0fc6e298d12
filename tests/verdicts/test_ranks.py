"""Ranks over conditions, where there are enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Experiment
from lossbench.report.page import markdown
from lossbench.verdicts.build import build
from lossbench.verdicts.conditions import Layout, tidy
from lossbench.verdicts.ranks import ranks


def many_conditions(conditions: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {
            "outcome": "finished",
            "started": pd.Timestamp("2026-01-01"),
            "run_id": f"{loss}{place} {seed}",
            "seed": seed,
            "data.name": "outliers",
            "data.contamination": place / 100,
            "loss.name": loss,
            "optimizer.lr": 0.1,
            "test/rmse": worth + place + rng.normal(0, 0.01),
            "test/r2": -worth - place,
        }
        for loss, worth in (("mse", 3.0), ("mae", 2.0), ("huber", 1.0))
        for place in range(conditions)
        for seed in range(3)
    ]
    return tidy(pd.DataFrame(rows))


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_the_best_loss_has_rank_one_whatever_the_direction(metric: str) -> None:
    frame = many_conditions(8)
    found = ranks(frame, Layout.of(frame), metric)
    assert found is not None
    assert found.mean_ranks.to_dict() == {"huber": 1.0, "mae": 2.0, "mse": 3.0}
    assert found.conditions == 8
    assert found.p < 0.01
    assert found.pairs.loc["huber", "mse"] < 0.01 < found.pairs.loc["huber", "mae"]


def test_too_few_conditions_have_no_ranks(runs: pd.DataFrame) -> None:
    frame = many_conditions(4)
    assert ranks(frame, Layout.of(frame), "rmse") is None
    pair = many_conditions(8)
    pair = pair[pair["loss.name"] != "mse"]
    assert ranks(pair, Layout.of(pair), "rmse") is None


def test_the_page_says_that_variants_of_one_data_set_are_not_independent() -> None:
    frame = many_conditions(8).assign(status="FINISHED", reason=None, seconds=1.0)
    report = build(Experiment("x", judge="rmse", select="rmse"), frame)
    assert "variants of one data set and not independent" in markdown(report, {})
    two = frame.assign(**{"data.name": np.where(frame["data.contamination"] > 0.03, "a", "b")})
    report = build(Experiment("x", judge="rmse", select="rmse"), two)
    assert report.ranks is not None
    assert "not independent" not in markdown(report, {})
