"""Breakdown points of errors whose crossing is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.report.breakdown import breakdown, crossing
from lossbench.report.conditions import Layout, tidy

SHARES = (0.0, 0.1, 0.2, 0.4)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((1.0, 1.5, 2.5, 3.0), 0.15),  # half-way
        ((1.0, 3.0, 4.0, 5.0), 0.05),  # between the first two
        ((1.0, 1.0, 1.0, 4.0), 0.2 + 0.2 / 3),
        ((1.0, 1.2, 1.4, 2.0), math.inf),  # reaches it, never exceeds it
        ((1.0, 3.0, 1.0, 3.0), 0.05),  # the first crossing counts
    ],
)
def test_crossing_lies_on_the_straight_line(errors: tuple[float, ...], expected: float) -> None:
    assert crossing(np.array(SHARES), np.array(errors), 2.0) == pytest.approx(expected)


@given(slope=st.floats(0.1, 50), scale=st.floats(0.01, 100))
def test_crossing_does_not_depend_on_the_unit_of_the_error(slope: float, scale: float) -> None:
    shares = np.array(SHARES)
    errors = 1 + slope * shares
    first, second = (float(crossing(shares, unit * errors, 2.0)) for unit in (1.0, scale))
    assert first == pytest.approx(second)
    assert first == pytest.approx(1 / slope) if 1 / slope < 0.4 else math.isinf(first)


def runs(metric: str) -> pd.DataFrame:
    rows = []
    for loss, slope in (("mse", 10.0), ("mae", 1.0)):
        for share in SHARES:
            for seed in range(6):
                error = 0.1 * (1 + slope * share) + 0.001 * seed
                rows.append(
                    {
                        "run_id": f"{len(rows):032x}",
                        "outcome": "finished",
                        "started": pd.Timestamp("2026-01-01"),
                        "data.name": "outliers",
                        "data.contamination": share,
                        "loss.name": loss,
                        "optimizer.lr": 0.001,
                        "seed": seed,
                        f"test/{metric}": error if metric == "rmse" else 1 - error,
                    }
                )
    return tidy(pd.DataFrame(rows))


@pytest.mark.parametrize("metric", ["rmse", "accuracy"])
def test_each_loss_has_its_point_with_an_interval_around_it(metric: str) -> None:
    frame = runs(metric)
    found = breakdown(frame, Layout.of(frame), metric)
    assert found is not None
    mse, mae = (found.points[found.points["loss.name"] == loss].iloc[0] for loss in ("mse", "mae"))
    assert mse["low"] <= mse["point"] <= mse["high"]
    assert mse["point"] == pytest.approx(0.1, abs=0.01)
    assert math.isinf(mae["point"])
    rows = dict(found.table()["rows"])
    assert rows["mse"][0].startswith("0.10")
    assert rows["mae"] == ["none up to 0.4"]


def test_without_a_clean_level_there_is_none() -> None:
    frame = runs("rmse").query("`data.contamination` > 0")
    assert breakdown(frame, Layout.of(frame), "rmse") is None


def test_wrong_labels_have_no_breakdown_point() -> None:
    frame = runs("accuracy").rename(columns={"data.contamination": "data.label_noise"})
    assert breakdown(frame, Layout.of(frame), "accuracy") is None
