"""Breakdown points of errors whose crossing is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.metrics.measure import Measure, Metric
from lossbench.metrics.recorded import as_text
from lossbench.verdicts.breakdown import breakdown, crossing
from lossbench.verdicts.conditions import Layout, tidy

SHARES = (0.0, 0.1, 0.2, 0.4)


@pytest.mark.parametrize(
    ("errors", "place"),
    [
        ((1.0, 1.5, 2.5, 3.0), 2),
        ((1.0, 3.0, 4.0, 5.0), 1),
        ((1.0, 1.0, 1.0, 4.0), 3),
        ((1.0, 1.2, 1.4, 2.0), 4),  # reaches it, never exceeds it
        ((1.0, 3.0, 1.0, 3.0), 1),  # the first crossing counts
    ],
)
def test_first_share_whose_error_exceeds_the_multiple_is_found(errors: tuple[float, ...], place: int) -> None:
    assert int(crossing(np.array(errors), 2.0)) == place


@given(slope=st.floats(0.1, 50), scale=st.floats(0.01, 100))
def test_crossing_does_not_depend_on_the_unit_of_the_error(slope: float, scale: float) -> None:
    errors = 1 + slope * np.array(SHARES)
    # Away from the limit itself, where rounding decides.
    if np.abs(errors - 2).min() > 1e-6:
        assert int(crossing(errors, 2.0)) == int(crossing(scale * errors, 2.0))


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
def test_each_loss_has_the_shares_between_which_its_point_lies(metric: str) -> None:
    frame = runs(metric)
    found = breakdown(frame, Layout.of(frame), metric)
    assert found is not None
    mse, mae = (found.points[found.points["loss.name"] == loss].iloc[0] for loss in ("mse", "mae"))
    assert (mse["below"], mse["above"]) in ((0.0, 0.1), (0.1, 0.2))  # it is 0.1 but for the noise
    assert mse["low"] <= mse["below"] < mse["above"] <= mse["high"]
    assert math.isinf(mae["above"])
    rows = dict(found.table()["rows"])
    assert rows["mse"][0].startswith(f"{mse['below']:g} to {mse['above']:g}")
    assert rows["mae"] == ["none up to 0.4"]


def test_point_that_the_seeds_leave_open_tells_between_which_shares_it_may_lie() -> None:
    frame = runs("rmse")
    late = (frame["loss.name"] == "mse") & (frame["data.contamination"] == 0.1) & (frame["seed"] % 2 == 0)
    frame.loc[late, "test/rmse"] += 0.02
    found = breakdown(frame, Layout.of(frame), "rmse")
    assert found is not None
    assert dict(found.table()["rows"])["mse"] == ["0 to 0.1 [0, 0.2]"]


def test_without_a_clean_level_there_is_none() -> None:
    frame = runs("rmse").query("`data.contamination` > 0")
    assert breakdown(frame, Layout.of(frame), "rmse") is None


def test_a_metric_without_a_best_value_has_none() -> None:
    frame = runs("rmse").rename(columns={"test/rmse": "test/reward"})
    measure = Measure((Metric("reward", "mine", True, "mean reward"),), ("value",), ("reward",), "my:reward")
    frame["lossbench.metrics"] = as_text([measure])
    assert breakdown(frame, Layout.of(frame), "reward") is None


def test_wrong_labels_have_no_breakdown_point() -> None:
    frame = runs("accuracy").rename(columns={"data.contamination": "data.label_noise"})
    assert breakdown(frame, Layout.of(frame), "accuracy") is None
