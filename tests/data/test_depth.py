"""The scene is read as it was measured, parts share no column, and what is not known weighs nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lossbench.data import depth_scene
from lossbench.data.contract import check_data
from lossbench.data.depth import ONE, Depth, mean_depth, mean_of_row
from lossbench.data.depth_scene import BASELINE, FOCAL, OFFSET, ROW, places, scene, shifts
from lossbench.errors import InputError
from lossbench.metrics.judge import judge
from lossbench.task import WEIGHT, Inputs

SEEDS = range(40)


@pytest.fixture(scope="module")
def source() -> Depth:
    return Depth(name="depth")


def columns(source: Depth, rows: np.ndarray) -> set[int]:
    """Of the scene, that patches hold."""
    lefts = places(source.size, source.patch, source.step)[1][rows]
    return {column for left in lefts.tolist() for column in range(left, left + source.patch)}


class TestScene:
    def test_it_says_that_it_is_one(self, source: Depth) -> None:
        assert source.account() == [f"data=depth: {ONE}"]
        assert ONE.startswith("ONE real scene")
        assert (Depth.__doc__ or "").startswith("ONE real scene")

    def test_depths_are_those_of_the_stated_camera(self) -> None:
        """At its own size; where nothing is known there is no number."""
        disparity = depth_scene._read()[2]
        read, depth = scene((500, 741), stereo=False)
        assert depth.shape == disparity.shape == read.shape[1:] == (500, 741)
        known = np.isfinite(disparity)
        assert round(1 - known.mean(), 3) == 0.073
        np.testing.assert_allclose(depth[known], FOCAL * BASELINE / (disparity[known] + OFFSET))
        assert np.isnan(depth[~known]).all()
        assert (depth[known].min().round(1), depth[known].max().round(1)) == (2.1, 5.0)
        assert disparity[known].max() < depth_scene.NEAREST

    def test_disparities_belong_to_the_left_photograph(self) -> None:
        """What is at a pixel stands further left by its disparity in the right one, and not further right."""
        left, right, disparity = depth_scene._read()
        left, right = (np.asarray(one.convert("L"), dtype=float) for one in (left, right))
        rows, at = np.nonzero(np.isfinite(disparity))
        by = disparity[rows, at].round().astype(int)

        def unlike(columns: np.ndarray) -> float:
            inside = (columns >= 0) & (columns < 741)
            return float(
                np.median(np.abs(left[rows[inside], at[inside]] - right[rows[inside], columns[inside]]))
            )

        assert unlike(at - by) < 4 < 20 < unlike(at + by)

    def test_the_photographs_are_most_alike_at_the_shift_that_the_depth_says(self) -> None:
        """For many pixels: others look like their neighbours. By chance it would be an eighth."""
        read, depth = scene((128, 192))
        known = np.isfinite(depth)
        known[:, : shifts(192)] = False
        best = read[ROW + 1 :].argmin(0)[known] + 1
        true = (FOCAL * BASELINE / depth[known] - OFFSET) * 192 / 741
        assert (np.abs(best - true) < 1).mean() > 0.4
        assert read.shape == (ROW + 1 + shifts(192), 128, 192)
        assert shifts(192) == 16

    def test_a_channel_says_how_far_down_a_pixel_lies(self) -> None:
        read, _ = scene((128, 192))
        assert read.dtype == np.float32
        np.testing.assert_allclose(read[ROW], np.linspace(-1, 1, 128)[:, None].repeat(192, 1), atol=1e-6)
        assert read[:ROW].min() >= -1
        assert read[:ROW].max() <= 1


class TestParts:
    @pytest.mark.parametrize("more", [{}, {"test_columns": 64, "size": (128, 320), "gap": 32}])
    def test_no_column_is_in_two_parts_and_a_gap_lies_between(self, more: dict[str, object]) -> None:
        source = Depth(name="depth", **more)  # type: ignore[arg-type]
        for seed in SEEDS:
            held = {part: columns(source, rows) for part, rows in source.rows(seed).items()}
            for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
                apart = min(abs(a - b) for a in held[one] for b in held[other])
                assert apart > source.gap
            assert len(held["test"]) == source.test_columns
            assert len(held["val"]) == source.val_columns

    def test_patches_of_the_test_lie_side_by_side_and_those_of_training_overlap(self, source: Depth) -> None:
        tops, lefts = places(source.size, source.patch, source.step)
        for seed in SEEDS:
            rows = source.rows(seed)
            for part in ("val", "test"):
                corners = sorted(zip(tops[rows[part]].tolist(), lefts[rows[part]].tolist(), strict=True))
                assert corners == [(top, corners[0][1]) for top in range(0, 128, 32)]
            assert len(rows["train"]) >= 26
            assert set(tops[rows["train"]]) == set(range(0, 97, 8))

    def test_the_test_lies_everywhere(self, source: Depth) -> None:
        held: set[int] = set()
        for seed in range(100):
            held |= columns(source, source.rows(seed)["test"])
        assert held == set(range(192))

    def test_a_seed_draws_the_same_parts_again(self, source: Depth) -> None:
        assert source.part_sizes(3) == tuple(len(own) for own in source.rows(3).values())
        assert source.fingerprint(3) == source.fingerprint(3) != source.fingerprint(4)


class TestLoad:
    def test_it_is_a_data_set_of_pixels_with_weights(self, source: Depth) -> None:
        data = check_data(source, source.load(0, "image"))
        assert data.description.inputs == Inputs("image", (20, 32, 32))
        assert source.targets()[0].words == "continuous at 32 x 32 places"
        assert data.inputs is source.load(1, "image").inputs
        for part in (data.train, data.val, data.test):
            depth, weight = part.targets["continuous"], part.targets[WEIGHT]
            assert depth.shape == weight.shape == (len(part), 32, 32)
            assert set(weight.unique().tolist()) == {0.0, 1.0}
            assert (depth > 0).all()
        assert data.description.source.startswith("one scene")

    def test_a_patch_is_what_lies_at_its_place(self, source: Depth) -> None:
        data = source.load(0, "image")
        read, depth = scene(source.size)
        tops, lefts = places(source.size, source.patch, source.step)
        for place in (0, len(data.test) - 1):
            number = int(data.test.rows[place])
            top, left = tops[number], lefts[number]
            own = depth[top : top + 32, left : left + 32]
            found = data.test.targets["continuous"][place].numpy()
            known = data.test.targets[WEIGHT][place].numpy() > 0
            np.testing.assert_array_equal(known, np.isfinite(own))
            np.testing.assert_array_equal(found[known], own[known])
            np.testing.assert_array_equal(data.inputs[number], read[:, top : top + 32, left : left + 32])

    def test_what_is_not_known_enters_neither_units_nor_metrics(self, source: Depth) -> None:
        data = source.load(0, "image")
        known = data.train.targets["continuous"][data.train.targets[WEIGHT] > 0]
        assert data.units["continuous"].shift == pytest.approx(float(np.median(known)))
        truth = {name: own.unsqueeze(0) for name, own in data.test.targets.items()}
        value = torch.where(truth[WEIGHT] > 0, truth["continuous"], 1e6)
        found = judge({"value": value}, truth, source.measures)
        assert (found["mae"].item(), found["abs_rel"].item(), found["within_1.25"].item()) == (0, 0, 1)

    def test_without_the_second_photograph_there_are_four_channels(self) -> None:
        one, both = (Depth(name="depth", stereo=own).load(0, "image") for own in (False, True))
        assert one.inputs.shape[1] == 4
        assert torch.equal(one.inputs, both.inputs[:, :4])
        assert torch.equal(one.test.targets["continuous"], both.test.targets["continuous"])

    def test_losses_may_see_logarithms(self) -> None:
        plain, log = (Depth(name="depth", log_target=own).load(0, "image") for own in (False, True))
        assert torch.equal(plain.test.targets["continuous"], log.test.targets["continuous"])
        seen = log.units["continuous"].scaled(log.train.targets["continuous"])
        assert torch.allclose(log.units["continuous"].own(seen.double()), log.train.targets["continuous"])

    def test_squares_group_patches_by_their_middle(self, source: Depth) -> None:
        tops, lefts = places(source.size, source.patch, source.step)
        squares = source.squares()
        aligned = (tops % 32 == 0) & (lefts % 32 == 0)
        assert len(set(squares[aligned].tolist())) == aligned.sum() == 24
        near = (np.abs(tops - 32) < 16) & (np.abs(lefts - 64) < 16)
        assert len(set(squares[near].tolist())) == 1
        groups = source.load(0, "image").test.groups
        assert groups is not None
        assert len(set(groups.tolist())) == 4


def test_baselines_know_training_alone(source: Depth) -> None:
    data = source.load(0, "image")
    depth, weight = data.train.targets["continuous"].numpy(), data.train.targets[WEIGHT].numpy()
    mean = mean_depth(data, data.test)["value"]
    assert mean.shape == (len(data.test), 32, 32)
    np.testing.assert_allclose(mean, np.average(depth, weights=weight))
    rows = mean_of_row(data, data.test)["value"].numpy()
    tops = places(source.size, source.patch, source.step)[0]
    for place, number in enumerate(data.test.rows.tolist()):
        for down in (0, 17, 31):
            at = tops[number] + down - tops[data.train.rows.numpy()]
            inside = (at >= 0) & (at < 32)
            own, counts = (of[np.flatnonzero(inside), at[inside]] for of in (depth, weight))
            np.testing.assert_allclose(rows[place, down], np.average(own, weights=counts))


def test_the_scene_is_a_mosaic_of_its_patches(source: Depth) -> None:
    mosaic = source.mosaic()
    assert mosaic.image.shape == (128, 192, 3)
    top, left = mosaic.corners[100]
    patch = source.load(0, "image").inputs[100, :3].permute(1, 2, 0)
    np.testing.assert_allclose((patch + 1) / 2, mosaic.image[top : top + 32, left : left + 32], atol=1e-6)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"size": (128,)}, r"data\.size must be \[height,width\]; got \[128\]"),
        ({"size": (100, 192)}, r"data\.size, its height, must be a multiple of data\.patch=32; got 100"),
        ({"size": (128, 190)}, r"data\.size, its width, must be a multiple of data\.step=8; got 190"),
        ({"test_columns": 40}, r"data\.test_columns must be a multiple of data\.patch=32; got 40"),
        ({"gap": 4, "stereo": False}, r"data\.gap must be a multiple of data\.step=8; got 4"),
        ({"gap": 8}, r"data\.gap must be 16 or more, as many columns as the nearest things are apart"),
        (
            {"test_columns": 64, "val_columns": 64},
            r"leave 16 of 192 columns, which may be two halves: too few",
        ),
    ],
)
def test_what_does_not_fit_is_refused(knobs: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Depth(name="depth", **knobs)  # type: ignore[arg-type]
