"""Wrong corners are as wrong as is said, nested, and never turn a box inside out."""

from __future__ import annotations

import numpy as np
import pytest

from lossbench.data.corner_noise import wrong_corners

BOXES = np.tile([[10.0, 20.0, 30.0, 80.0]], (20_000, 1))  # 20 wide and 60 high


def test_no_noise_changes_nothing() -> None:
    assert np.array_equal(wrong_corners(BOXES, 0.0, 0), BOXES)


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_errors_are_a_share_of_the_sides_and_around_zero(share: float) -> None:
    errors = wrong_corners(BOXES, share, 0) - BOXES
    wanted = share * np.array([20, 60, 20, 60])
    np.testing.assert_allclose(errors.std(axis=0), wanted, rtol=0.02)
    assert (np.abs(errors.mean(axis=0)) < 0.03 * wanted).all()
    assert np.abs(np.corrcoef(errors.T) - np.eye(4)).max() < 0.03


def test_errors_of_a_greater_share_are_those_of_a_smaller_one_and_those_of_another_seed_differ() -> None:
    small, great = (wrong_corners(BOXES, share, 3) - BOXES for share in (0.05, 0.1))
    np.testing.assert_allclose(great, 2 * small, rtol=1e-9, atol=1e-9)
    assert not np.allclose(wrong_corners(BOXES, 0.05, 4) - BOXES, small)


def test_each_box_keeps_an_inside() -> None:
    for share in (0.3, 1.0):
        wrong = wrong_corners(BOXES, share, 0)
        assert (wrong[:, 2:] > wrong[:, :2]).all()
    middle = (wrong[:, :2] + wrong[:, 2:]) / 2  # which ends that change places leave where it is
    np.testing.assert_allclose(middle.mean(axis=0), [20, 50], rtol=0.05)
