"""Labels, bands and panels that all figures share."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lossbench.metrics.names import METRICS
from lossbench.report.figures import files, style
from lossbench.report.figures.looks import look


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9).map(sorted))
def test_labels_are_apart_in_order_and_inside(heights: list[float]) -> None:
    placed = style.apart(heights, 0.1)
    assert len(placed) == len(heights)
    assert all(np.diff(placed) >= 0.1 - 1e-9)
    assert min(placed) >= 0
    assert max(placed) <= 1 + 1e-9


def test_labels_that_do_not_overlap_stay() -> None:
    assert style.apart([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])


def test_a_crowd_at_the_top_does_not_move_a_label_far_below() -> None:
    assert style.apart([0.2, 0.97, 0.98, 0.99], 0.1)[0] == pytest.approx(0.2)


def test_the_band_is_the_interval_of_the_mean_within_the_range_of_the_metric() -> None:
    middle, low, high = style.band([0.9, 1.0, 0.95, 1.0, 0.99], METRICS["accuracy"])
    assert low < middle == pytest.approx(0.968)
    assert high == 1.0


def test_too_few_seeds_have_no_band() -> None:
    assert style.band([1.0, 3.0], METRICS["rmse"]) == (2.0, 2.0, 2.0)


def test_pngs_are_1200_wide_and_settings_stay_as_they_were() -> None:
    before = dict(mpl.rcParams)
    figure, (axes,) = style.panels(1, "A title")
    axes.plot([0, 1], [0, 1])
    image = Image.open(io.BytesIO(files.png(figure)))
    assert image.width == 1200
    assert dict(mpl.rcParams) == before


def test_naming_the_ends_of_lines_leaves_the_last_line_in_view() -> None:
    _, (axes,) = style.panels(1, "A title")
    axes.plot([1, 2], [4.0, 3.3])
    axes.plot([1, 2], [2.0, 1.0])
    style.label_ends(axes, [("mse", 3.3), ("mae", 1.0)], {loss: look(loss) for loss in ("mse", "mae")})
    low, high = axes.get_ylim()
    assert low < 1.0
    assert high > 4.0


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (3, 1), (5, 2)])
def test_panels_are_as_many_as_asked(count: int, rows: int) -> None:
    figure, places = style.panels(count, "A title")
    assert len(places) == count == len(figure.axes)
    assert places[0].get_gridspec().nrows == rows


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1.0, 100.0], "log"), ([1.0, 2.0], "linear"), ([0.0, 100.0], "linear"), ([], "linear")],
)
def test_orders_of_magnitude_get_a_logarithmic_scale(values: list[float], scale: str) -> None:
    assert style.scale_for(values) == scale


def test_axes_say_unit_and_direction() -> None:
    assert style.metric_label(METRICS["rmse"]) == "test RMSE (units of the target; lower is better)"
    assert style.metric_label(METRICS["accuracy"], "validation ") == "validation accuracy (higher is better)"
    assert style.axis_name("data.label_noise") == "label noise"
    assert style.axis_name("model.name") == "model"
