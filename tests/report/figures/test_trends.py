"""Lines against an axis, epochs, rates and the budget: as many as losses, in their colours, at the means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossbench.metrics.names import METRICS
from lossbench.palette import color
from lossbench.report.figures import comparisons, trends

LOSSES = ("mse", "mae", "huber")


def lines_of(axes: Any) -> dict[str, Any]:
    """The lines that stand for a loss."""
    return {line.get_label(): line for line in axes.lines if line.get_label() in LOSSES}


def named(axes: Any, gid: str) -> Any:
    return next(line for line in axes.lines if line.get_gid() == gid)


def test_each_loss_has_one_line_of_its_colour_through_the_means(by_level: pd.DataFrame) -> None:
    figure = trends.against_axis([("", by_level)], "data.contamination", METRICS["rmse"])
    (axes,) = figure.axes
    lines = lines_of(axes)
    assert set(lines) == set(LOSSES)
    assert {loss: line.get_color() for loss, line in lines.items()} == {loss: color(loss) for loss in LOSSES}
    means = by_level[by_level["loss.name"] == "mse"].groupby("data.contamination")["value"].mean()
    np.testing.assert_allclose(lines["mse"].get_ydata(), means)
    assert axes.get_xlabel() == "contamination"
    assert {text.get_text() for text in axes.texts} == set(LOSSES)


def test_bands_hold_the_means(by_level: pd.DataFrame) -> None:
    figure = trends.against_axis([("", by_level)], "data.contamination", METRICS["rmse"])
    corners = [band.get_paths()[0].get_extents() for band in figure.axes[0].collections]
    assert len(corners) == len(LOSSES)
    assert all(box.height > 0 for box in corners)


def test_more_conditions_are_more_panels_with_one_legend(by_level: pd.DataFrame) -> None:
    parts = [("linear", by_level), ("mlp", by_level)]
    figure = trends.against_axis(parts, "data.contamination", METRICS["rmse"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["linear", "mlp"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(LOSSES)


def test_learning_curves_end_where_most_seeds_have_stopped() -> None:
    rows = pd.DataFrame(
        [
            {"loss.name": "mse", "step": step, "value": 1 / step}
            for last in (10, 10, 10, 4, 12)
            for step in range(1, last + 1)
        ]
    )
    figure = trends.learning_curves([("", rows)], METRICS["mae"])
    assert max(lines_of(figure.axes[0])["mse"].get_xdata()) == 10


@pytest.fixture
def ranked() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "loss.name": loss,
                "optimizer.lr": rate,
                "rank": rank,
                "validation": 1.0 + rank,
                "diverged": int(rate == 0.1 and loss == "mse"),
            }
            for loss in LOSSES
            for rank, rate in enumerate((0.01, 0.001, 0.1))
        ]
    )


def test_chosen_and_diverged_rates_are_marked(ranked: pd.DataFrame) -> None:
    (axes,) = trends.rates([("", ranked)], METRICS["mae"]).axes
    for loss in LOSSES:
        assert list(named(axes, f"chosen {loss}").get_xdata()) == [0.01]
    assert list(named(axes, "diverged mse").get_xdata()) == [0.1]
    assert list(named(axes, "diverged mae").get_xdata()) == []
    assert axes.get_xscale() == "log"
    assert list(lines_of(axes)["mse"].get_xdata()) == [0.001, 0.01, 0.1]


def test_a_crossing_of_budgets_is_marked_where_the_lines_meet() -> None:
    curves = pd.DataFrame(
        [
            {"loss.name": loss, "tried": tried, "mean": mean, "low": mean - 0.1, "high": mean + 0.1}
            for loss, means in (("mse", (1.0, 0.9)), ("mae", (1.1, 0.8)))
            for tried, mean in enumerate(means, start=1)
        ]
    )
    (axes,) = trends.budget([("", curves)], METRICS["rmse"], [[("mae", "mse", 2)]]).axes
    crossing = named(axes, "crossing mae mse")
    assert crossing.get_xdata()[0] == pytest.approx(1.5)
    assert crossing.get_ydata()[0] == pytest.approx(0.95)


@pytest.mark.parametrize(("metric", "top"), [("rmse", "mae"), ("accuracy", "mse")])
def test_the_best_loss_stands_on_top_whatever_the_direction(
    by_level: pd.DataFrame, metric: str, top: str
) -> None:
    (axes,) = comparisons.dots([("", by_level)], METRICS[metric]).axes
    heights = {
        text.get_text(): place for text, place in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
    }
    assert max(heights, key=lambda loss: heights[loss]) == top
