"""Each crop has one tree over its middle with the box that people drew, and no part sees another's place."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from lossbench.data.boxes import SIDES, TIMES, Boxes, crops
from lossbench.data.crowns import STRIPS

WIDTH, HEIGHT = 1600, 400


@pytest.fixture(scope="module")
def tile() -> Image.Image:
    """Each pixel tells where it is."""
    across, down = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return Image.fromarray(np.stack([across % 256, across // 256, down % 256], axis=-1).astype(np.uint8))


# A tree in each strip, one that reaches out of every crop, and two that share a middle.
TREES = np.array(
    [
        *[[100 + 200 * place, 150, 130 + 200 * place, 190] for place in range(STRIPS)],
        [240, 20, 390, 170],
        [900, 300, 940, 340],
        [890, 290, 950, 350],
    ]
)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_crop_shows_its_tree_and_lies_in_its_strip(part: str, tile: Image.Image) -> None:
    found = list(crops(tile, TREES, part))
    assert len(found) >= STRIPS - 1
    assert len(found) <= TIMES[part] * len(TREES)
    for place, (x1, y1, x2, y2), image in found:
        pixels = np.asarray(image).astype(int)
        left, top = pixels[0, 0, 0] + 256 * pixels[0, 0, 1], pixels[0, 0, 2]
        side = image.size[0]
        assert image.size == (side, side)
        assert SIDES[0] <= side <= SIDES[1]
        assert 0 <= x1 < side // 2 < x2 <= side  # the middle lies in the box
        assert 0 <= y1 < side // 2 < y2 <= side
        own = [left + x1, top + y1, left + x2, top + y2]
        ends = [(TREES[:, :2].clip([left, top]), TREES[:, 2:].clip(max=[left + side, top + side]))]
        cut = np.concatenate(ends[0], axis=1)
        tree = int((cut == own).all(axis=1).argmax())
        assert cut[tree].tolist() == own
        assert tree <= STRIPS  # the two that share a middle are left out
        if part == "train":
            strip = int(place.removeprefix("strip_"))
            assert strip * WIDTH // STRIPS <= left
            assert left + side <= (strip + 1) * WIDTH // STRIPS
        else:
            assert place == f"tree_{tree}"


def test_the_crops_are_the_same_each_time_and_the_test_is_another_tile() -> None:
    source, wrong = Boxes(name="boxes"), Boxes(name="boxes", corner_noise=0.3)
    splits = [source.split(seed) for seed in (0, 1)]
    assert np.array_equal(splits[0]["test"], splits[1]["test"])
    assert set(splits[0]["val"]) != set(splits[1]["val"])
    groups = source.album.groups
    assert groups is not None
    for split in splits:
        places = [{*groups[split[part]]} for part in ("train", "val", "test")]
        assert not any(one & other for one, other in itertools.combinations(places, 2))
    assert len({*groups[splits[0]["test"]]}) == len(splits[0]["test"]) > 200
    assert not any("!" in line for line in source.account())
    assert source.fingerprint(0) == Boxes(name="boxes").fingerprint(1)
    assert source.targets() == source.album.targets
    assert (source.judged_by, source.select) == (("boxes",), "mean_iou")
    right, noisy = source.held(0), wrong.held(0)
    assert noisy.inputs.data_ptr() == right.inputs.data_ptr()
    assert torch.equal(noisy.test.targets["box"], right.test.targets["box"])
    assert not torch.equal(noisy.train.targets["box"], right.train.targets["box"])
