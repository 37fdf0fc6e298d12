"""Crowns and background are cut as their labels say, and no part sees another's place."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lossbench.data.crowns import FREE, SMALLEST, STRIPS, Crowns, covered, cuts

WIDTH, HEIGHT = 400, 200


@pytest.fixture(scope="module")
def tile() -> Image.Image:
    """Each pixel tells where it is."""
    across, down = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return Image.fromarray(np.stack([across // 2, down, np.zeros_like(down)], axis=-1).astype(np.uint8))


BOXES = np.array([[10 + 45 * place, 20 + 9 * place, 40 + 45 * place, 45 + 9 * place] for place in range(8)])


def test_what_is_covered_is_counted_pixel_by_pixel() -> None:
    generator = np.random.default_rng(0)
    squares = np.column_stack([generator.integers(0, 150, (30, 2)), generator.integers(5, 50, 30)])
    inside = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for left, top, right, bottom in BOXES:
        inside[top:bottom, left:right] = True
    wanted = [inside[y : y + side, x : x + side].mean() for x, y, side in squares]
    assert covered(squares, BOXES, (HEIGHT, WIDTH)) == pytest.approx(wanted)


def test_as_many_backgrounds_as_crowns_none_of_them_in_boxes_and_none_across_a_border(
    tile: Image.Image,
) -> None:
    found = dict(cuts(tile, BOXES, "train"))
    labels = [name.split("/")[0] for name in found]
    assert labels.count("crown") == labels.count("background") > 0
    for name, image in found.items():
        pixels = np.asarray(image)
        x, y = 2 * int(pixels[0, 0, 0]), int(pixels[0, 0, 1])
        side = image.size[0]
        assert image.size == (side, side)
        assert side >= SMALLEST
        strip = int(name.split("strip_")[1].split("-")[0])
        assert strip * WIDTH // STRIPS <= x + 1
        assert x + side <= (strip + 1) * WIDTH // STRIPS + 2  # the tile tells x to one pixel of two
        share = covered(np.array([[x, y, side]]), BOXES, (HEIGHT, WIDTH))[0]
        assert share > 0.3 if name.startswith("crown") else share <= FREE + 2 / side


def test_the_photographs_are_the_same_each_time_and_the_test_is_another_tile() -> None:
    source = Crowns(name="crowns")
    assert Path(str(source.path)).parent == Path(str(source.test_path)).parent
    splits = [source.split(seed) for seed in (0, 1)]
    assert np.array_equal(splits[0]["test"], splits[1]["test"])
    assert set(splits[0]["val"]) != set(splits[1]["val"])
    album = source.album
    assert album.labels is not None
    assert album.labels.names == ("background", "crown")
    assert len(splits[0]["test"]) == 512
    assert album.groups is not None
    for split in splits:
        places = [{*album.groups[split[part]]} for part in ("train", "val", "test")]
        assert not any(one & other for one, other in itertools.combinations(places, 2))
    assert not any("!" in line for line in source.account())
    assert source.fingerprint(0) == Crowns(name="crowns").fingerprint(1)
