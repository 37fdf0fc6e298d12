"""Shapes are computed by the losses: values and gradients are those of the textbook."""

from __future__ import annotations

import numpy as np
import pytest

from lossbench.anatomy import shapes


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    sets = [
        (shapes._errors(), (-3.0, 3.0), None),
        (shapes._margins(), (-3.0, 4.0), None),
        (shapes._probabilities(), (0.005, 0.995), lambda p: p.logit()),
        (shapes._pairs(), (0.0, 3.0), None),
        (shapes._triplets(), (-1.0, 0.9), None),
    ]
    return {
        shape.name or shape.loss: shapes.sample(shape.curve, span, by)
        for group, span, by in sets
        for shape in group
    }


def test_all_nine_losses_have_a_shape(drawn: dict[str, object]) -> None:
    names = " ".join(drawn)
    for loss in ("mse", "mae", "huber", "bce", "hinge", "cce", "kl", "triplet", "identity"):
        assert loss in names


@pytest.mark.parametrize(
    ("name", "value", "gradient"),
    [
        ("mse", lambda x: x**2, lambda x: 2 * x),
        ("mae", np.abs, np.sign),
        ("huber, delta 1", lambda x: np.where(abs(x) < 1, x**2 / 2, abs(x) - 0.5), lambda x: x.clip(-1, 1)),
        ("bce", lambda x: np.log1p(np.exp(-x)), lambda x: -1 / (1 + np.exp(x))),
        ("hinge, margin 1", lambda x: (1 - x).clip(0), lambda x: -1.0 * (x < 1)),
        ("cce", lambda p: -np.log(p), lambda p: p - 1),
        ("same identity", lambda d: d**2 / 2, lambda d: d),
        ("two identities, margin 2", lambda d: (2 - d).clip(0) ** 2 / 2, lambda d: -(2 - d).clip(0)),
        ("triplet, margin 0.2", lambda x: (x + 0.2).clip(0), lambda x: 1.0 * (x > -0.2)),
    ],
)
def test_shapes_are_those_of_the_textbook(drawn, name, value, gradient) -> None:  # type: ignore[no-untyped-def]
    points, values, gradients = drawn[name]
    np.testing.assert_allclose(values, value(points), atol=1e-9)
    np.testing.assert_allclose(gradients, gradient(points), atol=1e-9)


def test_smoothed_kl_is_least_below_certainty(drawn: dict[str, tuple[np.ndarray, ...]]) -> None:
    points, values, _ = drawn["kl, label smoothing 0.1"]
    assert points[values.argmin()] == pytest.approx(0.95, abs=0.01)


def test_gradients_are_cut_at_steps_alone() -> None:
    points = np.linspace(-1, 1, 101)
    _, step = shapes._broken(points, np.sign(points - 0.001))
    _, line = shapes._broken(points, points)
    assert np.isnan(step).sum() == 1
    assert not np.isnan(line).any()


def test_figures_are_small_svgs_that_say_what_is_seen() -> None:
    pictures = shapes.draw_shapes()
    assert len(pictures) == 5
    for picture in pictures.values():
        assert picture.content.startswith(b"<svg ")
        assert len(picture.content) < 120_000
    assert "mse is 9 at -3, 0 at 0, 9 at 3" in pictures["shapes_error.svg"].alt
