"""Tick labels keep apart, and losses far from the best do not take the room of the others."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from lossbench.metrics.names import METRICS
from lossbench.report.figures import trends
from lossbench.report.figures.scales import difference_ticks, name_ticks, window
from lossbench.report.figures.style import panels

NINE = ("mse", "mae", "huber", "bce", "cce", "hinge", "kl", "contrastive", "triplet")
RATES = (0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_labels_of_learning_rates_never_touch(count: int) -> None:
    figure, places = panels(count, "title")
    for axes in places:
        axes.set_xscale("log")
        axes.plot(RATES, RATES)
        name_ticks(axes, RATES)
    figure.draw_without_rendering()
    axes = places[-1]
    assert list(axes.get_xticks()) == list(RATES)
    shown = [label for label in axes.get_xticklabels() if label.get_text()]
    assert len(shown) >= 3
    boxes = [label.get_window_extent() for label in shown]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_all_labels_that_fit_are_there() -> None:
    _, (axes,) = panels(1, "title")
    axes.set_xscale("log")
    name_ticks(axes, (0.001, 0.003, 0.01))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.001", "0.003", "0.01"]


@pytest.mark.parametrize(
    ("low", "high", "linear", "ticks"),
    [
        (-0.4, 0.08, 0.0095, [-0.2, -0.005, 0.0, 0.005, 0.05]),
        (-1.3, 4.0, None, [0.0, 2.0, 4.0]),
        (-0.038, 0.005, None, [-0.03, -0.02, -0.01, 0.0]),
        (0.0, 20.0, 0.1, [0.0, 0.1, 20.0]),
    ],
)
def test_differences_have_a_few_round_ticks(
    low: float, high: float, linear: float | None, ticks: list[float]
) -> None:
    assert difference_ticks(low, high, linear) == pytest.approx(ticks)


def nine(far: float) -> dict[str, list[float]]:
    """Eight losses that reach 0.92 to 0.934 from half of it, and one that reaches `far`."""
    found = {loss: [0.5, 0.8, 0.92 + 0.002 * place] for place, loss in enumerate(NINE)}
    return found | {"mae": [far / 2, far * 0.9, far]}


def test_one_loss_far_from_the_best_leaves_the_room_to_the_others() -> None:
    limits = window(nine(0.4), METRICS["accuracy"])
    assert limits is not None
    low, high = limits
    assert 0.8 < low < 0.92
    assert high > 0.936


def test_a_metric_of_which_less_is_better_is_cut_above() -> None:
    errors = {loss: [1 - height for height in heights] for loss, heights in nine(0.4).items()}
    limits = window(errors, METRICS["rmse"])
    assert limits is not None
    assert limits[0] < 0.064
    assert 0.08 < limits[1] < 0.2


def test_where_every_point_counts_near_losses_are_shown_from_end_to_end() -> None:
    lines = {loss: [0.93, 0.9, 0.87] for loss in NINE} | {"mae": [0.6, 0.4, 0.2], "hinge": [0.93, 0.92, 0.83]}
    limits = window(lines, METRICS["accuracy"], levels=True)
    assert limits is not None
    assert 0.7 < limits[0] < 0.87


def test_where_every_point_counts_none_is_cut_off_for_a_little_more_room() -> None:
    lines = {loss: [0.92, 0.885] for loss in NINE} | {"cce": [0.917, 0.846]}
    assert window(lines, METRICS["accuracy"], levels=True) is None


def test_a_loss_that_leaves_the_window_at_a_level_is_named_with_its_worst() -> None:
    heights = {loss: [0.92, 0.885] for loss in NINE} | {"mae": [0.917, 0.5]}
    rows = pd.DataFrame(
        [
            {"loss.name": loss, "data.noise": level, "value": height}
            for loss, line in heights.items()
            for level, height in zip((0.0, 0.4), line, strict=True)
        ]
    )
    (axes,) = trends.against_axis([("", rows)], "data.noise", METRICS["accuracy"]).axes
    assert axes.get_xlabel() == "noise\nbelow, at worst: mae (0.5)"


@pytest.mark.parametrize("losses", [4, 3])
def test_few_losses_are_shown_whole(losses: int) -> None:
    assert window(dict(list(nine(0.1).items())[:losses]), METRICS["accuracy"]) is None


def test_losses_that_are_alike_are_shown_whole() -> None:
    assert (
        window({loss: [0.5, 0.6 + 0.05 * place] for place, loss in enumerate(NINE)}, METRICS["accuracy"])
        is None
    )


def test_the_loss_outside_is_named_with_its_best_and_not_in_the_legend() -> None:
    rows = pd.DataFrame(
        [
            {"loss.name": loss, "step": step, "value": height}
            for loss, heights in nine(0.4).items()
            for step, height in enumerate(heights, start=1)
        ]
    )
    figure = trends.learning_curves([("a", rows), ("b", rows)], METRICS["accuracy"])
    notes = [axes.get_xlabel() for axes in figure.axes]
    assert notes == ["epoch\nbelow, at best: mae (0.4)"] * 2
    assert not [text for axes in figure.axes for text in axes.texts]
    assert "mae" not in [text.get_text() for text in figure.legends[0].get_texts()]
    (axes,) = trends.learning_curves([("", rows)], METRICS["accuracy"]).axes
    assert {text.get_text() for text in axes.texts} == {*NINE} - {"mae"}
    assert axes.get_xlabel() == "epoch\nbelow, at best: mae (0.4)"


def test_lines_that_end_outside_are_named_in_a_legend() -> None:
    heights = nine(0.4) | {"hinge": [0.93, 0.9, 0.2]}
    rows = pd.DataFrame(
        [
            {"loss.name": loss, "step": step, "value": height}
            for loss, line in heights.items()
            for step, height in enumerate(line, start=1)
        ]
    )
    figure = trends.learning_curves([("", rows)], METRICS["accuracy"])
    assert "hinge" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert np.isfinite(figure.axes[0].get_ylim()).all()
