"""Faces: disjoint people, honest images, augmentation for training alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from lossbench.data.faces import HEIGHT, WIDTH, Faces, photograph
from lossbench.data.source import DataSet
from lossbench.errors import InputError
from lossbench.seeds import torch_generator

_ORIGINALS = 400


@pytest.mark.parametrize("seed", range(4))
def test_no_person_is_in_two_splits(seed: int) -> None:
    data = Faces(name="faces").load(seed, "image")
    people = [set((part.rows % _ORIGINALS // 10).tolist()) for part in (data.train, data.val, data.test)]
    assert [len(some) for some in people] == [24, 6, 10]
    assert len(set.union(*people)) == 40
    numbers = [set(part.targets["identity"].tolist()) for part in (data.train, data.val, data.test)]
    assert numbers[0] == set(range(24))
    assert len(set.union(*numbers)) == 40


def test_an_identity_is_one_person_with_all_their_photographs() -> None:
    data = Faces(name="faces", train_people=5, val_people=2, test_people=3).load(1, "image")
    for part, variants in ((data.train, 10), (data.val, 1), (data.test, 1)):
        for number in part.targets["identity"].unique():
            rows = part.rows[part.targets["identity"] == number]
            assert len(rows) == 10 * variants
            assert len((rows % _ORIGINALS // 10).unique()) == 1
    assert data.description.sizes == {"train": 500, "val": 20, "test": 30}


def test_validation_and_test_are_photographs_as_they_are() -> None:
    plain, more = (Faces(name="faces", mirror=on, shifts=2 * on).load(0, "image") for on in (False, True))
    assert len(plain.inputs) == _ORIGINALS
    assert len(more.train) == 10 * len(plain.train)
    for split in ("val", "test"):
        rows = getattr(more, split).rows
        assert torch.equal(more.inputs[rows], plain.inputs[getattr(plain, split).rows])
        assert rows.max() < _ORIGINALS


def test_variants_are_moved_and_mirrored_copies() -> None:
    inputs = (
        Faces(name="faces", mirror=True, shifts=3).load(0, "image").inputs.view(10, _ORIGINALS, HEIGHT, WIDTH)
    )
    plain, up, down, left, right, mirrored = inputs[:6]
    assert torch.equal(up[:, :-3], plain[:, 3:])
    assert torch.equal(up[:, -3:], plain[:, -1:].expand(-1, 3, -1))
    assert torch.equal(down[:, 3:], plain[:, :-3])
    assert torch.equal(left[..., :-3], plain[..., 3:])
    assert torch.equal(right[..., 3:], plain[..., :-3])
    assert torch.equal(mirrored, plain.flip(-1))


def test_pixels_are_standardised_and_tell_people_apart() -> None:
    """Raw pixel distance is known to reach about 0.94 on pairs of ten people."""
    data = Faces(name="faces").load(0, "image")
    assert abs(data.inputs[:_ORIGINALS].mean()) < 0.02
    assert abs(data.inputs[:_ORIGINALS].std() - 1) < 0.03
    flat, identity = data.inputs[data.test.rows].flatten(1), data.test.targets["identity"]
    first, second = torch.triu_indices(len(flat), len(flat), 1)
    same = identity[first] == identity[second]
    area = roc_auc_score(same, -(flat[first] - flat[second]).norm(dim=1))
    assert 0.88 < area < 0.99


def test_training_images_are_made_anew_where_that_is_asked_for() -> None:
    plain, anew = (Faces(name="faces", shift=own, crop=own / 20) for own in (0, 2))
    assert plain.pictures(0).fresh is None
    assert {"shift", "crop", "shrink"} <= plain.unsaid  # what was recorded before them is found again
    data = anew.load(0, "image")
    assert isinstance(data, DataSet)
    assert data.fresh is not None
    images = data.inputs[data.train.rows[:32]]
    new, _ = data.fresh(images, {}, torch_generator(0, "test"))
    assert new.shape == images.shape
    assert not torch.equal(new, images)
    assert torch.equal(data.inputs, plain.load(0, "image").inputs)


def test_a_quarter_of_a_side_is_the_mean_of_sixteen_pixels() -> None:
    small, large = (Faces(name="faces", mirror=False, shifts=1, shrink=by) for by in (4, 2))
    few, many = (source.load(0, "image") for source in (small, large))
    assert few.description.inputs.shape == (1, 28, 23)
    halved = torch.nn.functional.avg_pool2d(many.inputs[:_ORIGINALS], 2)
    torch.testing.assert_close(few.inputs[:_ORIGINALS], halved, atol=1 / 48, rtol=0)  # whole grey values
    assert torch.equal(few.train.rows, many.train.rows)


def _encoded(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((height, width), 112, np.uint8)).save(stream, "PPM")
    return stream.getvalue()


def test_an_image_of_another_size_or_none_is_refused() -> None:
    assert photograph(_encoded(92, 112), "s1/1.pgm").shape == (1, 56, 46)
    with pytest.raises(InputError, match=r"s1/1\.pgm has 92 x 111 pixels instead of 92 x 112"):
        photograph(_encoded(92, 111), "s1/1.pgm")
    for data in (_encoded(92, 112)[:-50], b"P5", b"", b"no image"):
        with pytest.raises(InputError, match=r"s1/1\.pgm is no readable image"):
            photograph(data, "s1/1.pgm")


def test_each_pixel_is_the_mean_of_four() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (112, 92)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PPM")
    grey = photograph(stream.getvalue(), "s1/1.pgm")[0].numpy() * 48.0 + 112.8
    means = pixels.reshape(56, 2, 46, 2).mean((1, 3))
    np.testing.assert_allclose(grey, means, atol=0.51)  # rounded to whole grey values
