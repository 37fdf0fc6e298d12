"""What is compared is read off the runs; a lost run is never silently absent."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from lossbench.verdicts.conditions import Layout, axes_of, label, matches, tidy
from lossbench.verdicts.results import results


def test_axes_are_what_varies_by_itself(runs: pd.DataFrame) -> None:
    runs["model.name"] = np.where(runs["data.contamination"] > 0, "mlp", "linear")
    runs["model.hidden"] = np.where(runs["data.contamination"] > 0, "[64]", None)
    assert axes_of(tidy(runs)) == ["data.contamination", "model.name"]


def test_a_knob_of_one_loss_is_an_axis_only_where_it_varies(runs: pd.DataFrame) -> None:
    assert "loss.delta" not in axes_of(tidy(runs))
    runs.loc[(runs["loss.name"] == "huber") & (runs["seed"] < 5), "loss.delta"] = 2.0
    assert "loss.delta" in axes_of(tidy(runs))


@pytest.mark.parametrize(("off", "on"), [("1.0", 3.0), ("1.0", "3.0"), ("false", "true"), ("null", 24.0)])
def test_a_knob_that_is_off_where_runs_say_nothing_of_it_is_one_axis(
    runs: pd.DataFrame, off: str, on: object
) -> None:
    """Also of runs that were recorded before there was such a knob; other losses have none."""
    rows = (runs["loss.name"] == "huber") & (runs["seed"] < 5)
    frame = runs.assign(**{"loss.extra": pd.Series(on, index=runs.index).where(rows)})
    frame["lossbench.unsaid"] = pd.Series(json.dumps({"loss.extra": off}), index=runs.index).where(rows)
    layout = Layout.of(tidy(frame))
    assert layout.axes == ("data.contamination", "loss.extra")
    assert len(layout.levels["loss.extra"]) == 2
    assert matches(tidy(frame), {"loss": "huber", "loss.extra": json.loads(off)}).sum() == 40
    assert tidy(frame).loc[lambda all_: all_["loss.name"] != "huber", "loss.extra"].isna().all()


def test_a_knob_that_every_run_says_is_read_whatever_its_default(runs: pd.DataFrame) -> None:
    frame = runs.assign(**{"data.season": 24.0, "lossbench.unsaid": json.dumps({"data.season": "null"})})
    assert tidy(frame)["data.season"].tolist() == [24.0] * len(runs)


def test_params_recorded_as_text_select_like_numbers(runs: pd.DataFrame) -> None:
    texts = runs.assign(
        **{key: runs[key].astype(str) for key in ("seed", "optimizer.lr", "data.contamination")}
    )
    assert matches(tidy(texts), {"loss": "huber", "data.contamination": 0.2}).sum() == 40
    assert matches(tidy(texts), {"loss": ["mse", "mae"], "optimizer.lr": 1e-2}).sum() == 40


def test_a_run_made_again_replaces_the_failed_one_and_never_a_result(runs: pd.DataFrame) -> None:
    again = runs.iloc[[0, 1]].copy()
    runs.loc[0, ["outcome", "test/rmse"]] = ["failed", np.nan]
    again.loc[1, "outcome"] = "failed"
    again["started"] += pd.Timedelta(days=1)
    frame = tidy(pd.concat([runs, again]))
    assert len(frame) == len(runs)
    assert set(frame["outcome"]) == {"finished"}


def test_losses_come_in_the_order_of_the_readme(runs: pd.DataFrame) -> None:
    layout = Layout.of(tidy(runs))
    assert layout.losses == ("mse", "mae", "huber")
    assert layout.levels == {"data.contamination": (0.0, 0.2)}
    row = {"loss.name": "huber", "data.contamination": 0.2}
    assert label(row, layout.keys) == "huber, contamination 0.2"


@pytest.mark.parametrize(("metric", "worst"), [("test/rmse", 5.0), ("test/r2", 0.1)])
def test_a_diverged_or_infinite_run_counts_as_the_worst_seen(metric: str, worst: float) -> None:
    frame = pd.DataFrame(
        {
            "outcome": ["finished", "finished", "diverged", "failed", "finished"],
            metric: [0.1, 5.0, np.nan, np.nan, 1.7e308],
        }
    )
    assert results(frame, metric).tolist() == pytest.approx([0.1, 5.0, worst, np.nan, worst], nan_ok=True)
