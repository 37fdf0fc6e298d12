"""A canvas holds one whole digit, its box is exact, and only training boxes are wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lossbench.data.boxes_digits import CANVAS, LARGEST, SMALLEST, BoxesDigits, canvases_of
from lossbench.data.cache import DataCache
from lossbench.data.corner_noise import wrong_corners
from lossbench.data.digits import SIDE
from lossbench.data.source import SPLITS
from lossbench.errors import InputError

SMALL = {"train_size": 60, "val_size": 20, "test_size": 20}


def source(**knobs: float) -> BoxesDigits:
    return BoxesDigits(name="boxes_digits", **{**SMALL, **knobs})  # type: ignore[arg-type]


def disc() -> np.ndarray:
    """A digit that is a disc: its ink touches all four sides of its box."""
    across, down = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    return np.where((across - 13) ** 2 + (down - 15) ** 2 <= 64, 255, 0).astype(np.uint8)


def test_the_box_encloses_the_ink() -> None:
    whole = np.stack([disc()] * 50)
    sides = []
    for canvas, (left, top, right, bottom) in canvases_of(whole, whole, clutter=0):
        rows, columns = (np.flatnonzero((canvas > 0).any(axis)) for axis in (1, 0))
        assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == (left, top, right, bottom)
        sides += [right - left, bottom - top]
    assert SMALLEST <= min(sides) < max(sides) <= LARGEST
    assert canvas.shape == (CANVAS, CANVAS)


def test_clutter_is_pieces_of_the_digits_that_are_cut_up() -> None:
    whole, bright = np.stack([disc() // 2] * 20), np.stack([disc()] * 3)
    for (plain, box), (littered, same) in zip(
        canvases_of(whole, bright, clutter=0), canvases_of(whole, bright, clutter=5), strict=True
    ):
        assert plain.max() <= 127
        assert littered.max() == 255
        assert len(box) == len(same) == 4
        pieces = (littered == 255).sum()
        assert 0 < pieces <= 5 * 12 * 12


def test_real_canvases_show_a_digit_in_each_box() -> None:
    data = DataCache().load(source(), 0, "image")
    images, background = data.inputs, float(data.inputs.min())
    for part in SPLITS:
        examples = getattr(data, part)
        assert len(examples) == SMALL[f"{part}_size"]
        for row, box in zip(examples.rows.tolist(), examples.targets["box"].long().tolist(), strict=True):
            left, top, right, bottom = box
            ink = images[row, 0, top:bottom, left:right] > background
            assert ink.any(0).all()
            assert ink.any(1).double().mean() > 0.8  # a digit such as 5 may be thin somewhere, not empty


def test_half_the_size_halves_boxes_and_keeps_the_picture() -> None:
    whole, half = (source(size=size).load(0, "image") for size in (64, 32))
    assert half.inputs.shape[1:] == (1, 32, 32)
    assert torch.equal(half.test.rows, whole.test.rows)
    torch.testing.assert_close(half.test.targets["box"] * 2, whole.test.targets["box"])
    assert float(half.units["box"].scale) == 16
    torch.testing.assert_close(half.inputs.mean(), whole.inputs.mean())


def test_training_corners_alone_are_wrong() -> None:
    right, wrong = (source(corner_noise=share).load(1, "image") for share in (0.0, 0.3))
    assert wrong.inputs is right.inputs
    for part in ("val", "test"):
        assert torch.equal(getattr(wrong, part).targets["box"], getattr(right, part).targets["box"])
    expected = wrong_corners(right.train.targets["box"].numpy(), 0.3, 1)
    np.testing.assert_array_equal(wrong.train.targets["box"].numpy(), expected)
    assert DataCache().load(source(corner_noise=1.0), 0, "image").train.targets["box"].isfinite().all()


def test_canvases_are_the_same_each_time_and_seeds_cut_other_parts() -> None:
    assert source().load(0, "image").inputs is source().load(1, "image").inputs
    assert source().fingerprint(0) == source().fingerprint(1) != source(clutter=2).fingerprint(0)
    rows = [source().load(seed, "image").train.rows for seed in (0, 0, 1)]
    assert torch.equal(rows[0], rows[1])
    assert not torch.equal(rows[0], rows[2])


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"size": 48}, r"data.size=48 is no divisor of 64: set 8, 16, 32 or 64."),
        ({"train_size": 4000, "val_size": 500}, r"add up to 4520; boxes_digits has 4500 canvases"),
        ({"corner_noise": -0.1}, r"data.corner_noise"),
    ],
)
def test_knobs_are_checked(knobs: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        source(**knobs)
