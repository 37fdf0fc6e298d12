"""Digits as their own target: in grey, in black and white that is drawn once, or anew for each batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lossbench.data.mnist_5k import MNIST5k, grey_values
from lossbench.data.source import DataSet
from lossbench.errors import InputError
from lossbench.seeds import torch_generator
from lossbench.task import Target

SMALL = {"train_size": 60, "val_size": 20, "test_size": 20}


def source(**knobs: object) -> MNIST5k:
    return MNIST5k(**{"name": "mnist_5k", "task": "pixels", **SMALL, **knobs})  # type: ignore[arg-type]


def pixels(data: DataSet, part: str) -> torch.Tensor:
    return getattr(data, part).targets["pixels"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("binarize", ["none", "static", "dynamic"])
@pytest.mark.parametrize("size", [28, 7])
def test_the_target_is_what_is_read(binarize: str, size: int) -> None:
    known = source(binarize=binarize, size=size)
    support = () if binarize == "none" else (0.0, 1.0)
    assert known.targets() == (Target("pixels", size**2, support=support), Target("multiclass", 10))
    data = known.load(3, "image")
    for part in ("train", "val", "test"):
        rows = getattr(data, part).rows
        read = data.read(data.inputs[rows])
        assert read.shape[1:] == (1, size, size) == data.description.inputs.shape
        assert torch.equal((read * 255).round().flatten(1).to(torch.uint8), pixels(data, part))
        grey = part == "train" and binarize == "dynamic"
        assert (set(pixels(data, part).unique().tolist()) == {0, 255}) == (binarize != "none" and not grey)


def test_grey_values_are_those_of_the_file() -> None:
    data = source().load(0, "image")
    bytes_, labels = grey_values()
    assert np.array_equal(data.inputs.numpy()[:, 0], bytes_)
    assert torch.equal(data.test.targets["multiclass"], torch.from_numpy(labels)[data.test.rows])


def test_black_and_white_is_drawn_by_the_grey_value_and_the_same_for_every_seed() -> None:
    grey, one, two = (source(binarize=how).load(seed, "image") for how, seed in _DRAWN)
    assert one.inputs is two.inputs
    share = (grey.inputs.double() / 255).mean()
    assert abs((one.inputs > 0).double().mean() - share) < 0.001
    sure = (grey.inputs == 0) | (grey.inputs == 255)
    assert torch.equal(one.inputs[sure], grey.inputs[sure])
    assert len(grey.inputs[~sure].unique()) > 2 == len(one.inputs[~sure].unique())


_DRAWN = (("none", 0), ("static", 0), ("static", 1))


def test_training_images_are_drawn_anew_and_those_of_the_test_are_static_ones() -> None:
    static, dynamic = (source(binarize=how).load(5, "image") for how in ("static", "dynamic"))
    for part in ("val", "test"):
        assert torch.equal(pixels(static, part), pixels(dynamic, part))
    assert static.test.ids is not None
    assert dynamic.test.ids is not None
    assert torch.equal(static.test.ids, dynamic.test.ids)
    assert static.fresh is None
    assert dynamic.fresh is not None
    read = dynamic.read(dynamic.inputs[dynamic.train.rows])
    given = dict(dynamic.train.targets)

    def drawn(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        assert dynamic.fresh is not None
        images, targets = dynamic.fresh(read, dict(given), torch_generator(5, "fresh", step))
        assert torch.equal(targets["multiclass"], given["multiclass"])
        assert torch.equal(images.flatten(1) * 255, targets["pixels"].float())
        return images, targets["pixels"]

    first, again, second = drawn(0), drawn(0), drawn(1)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], second[0])
    mean = torch.stack([drawn(step)[0] for step in range(300)]).mean(0)
    assert (mean - read).abs().max() < 0.15


def test_what_makes_no_sense_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"add data\.task=pixels"):
        source(task="class", binarize="static")
    for knobs in ({"label_noise": 0.1}, {"balance": True}):
        with pytest.raises(InputError, match="leave it out"):
            source(**knobs)


def test_what_was_there_before_leaves_the_same_trace() -> None:
    """Runs that were recorded without the new knobs are found again."""
    plain = MNIST5k(name="mnist_5k", **SMALL)  # type: ignore[arg-type]
    assert plain.values().keys().isdisjoint({"task", "binarize", "size"})
    assert plain.judged_by == ("classes",)
    half = MNIST5k(name="mnist_5k", size=14, **SMALL)  # type: ignore[arg-type]
    whole, small = plain.load(0, "image"), half.load(0, "image")
    expected = torch.nn.functional.avg_pool2d(whole.inputs, 2)
    assert torch.equal(small.inputs, expected)
    assert small.inputs is half.load(1, "image").inputs
