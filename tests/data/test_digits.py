"""Wrong labels, and the 5,000 digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lossbench.data.label_noise import wrong_labels
from lossbench.data.mnist_5k import MNIST5k


def test_wrong_labels_are_counted_other_and_nested() -> None:
    labels = np.arange(1000) % 10
    before = np.zeros(1000, dtype=bool)
    smaller = labels
    for share in (0.0, 0.1, 0.25, 1.0):
        noisy = wrong_labels(labels, share, 3, 10)
        wrong = noisy != labels
        assert wrong.sum() == round(share * 1000)
        assert wrong[before].all()
        assert np.array_equal(noisy[before], smaller[before])
        assert set(noisy) <= set(range(10))
        before, smaller = wrong, noisy


def test_a_wrong_label_is_each_other_class_equally_often() -> None:
    labels = np.full(9000, 4)
    counts = np.bincount(wrong_labels(labels, 1.0, 0, 10), minlength=10)
    assert counts[4] == 0
    others = np.delete(counts, 4)
    assert np.all(np.abs(others - 1000) < 5 * np.sqrt(1000))


def test_balance_weighs_training_by_the_labels_that_it_is_trained_with() -> None:
    plain = MNIST5k(name="mnist_5k", label_noise=0.3).load(1, "image")
    data = MNIST5k(name="mnist_5k", label_noise=0.3, balance=True).load(1, "image")
    labels, weight = data.train.targets["multiclass"], data.train.targets["weight"]
    assert torch.equal(labels, plain.train.targets["multiclass"])
    totals = torch.bincount(labels, weight.double())
    torch.testing.assert_close(totals, torch.full_like(totals, len(labels) / 10), rtol=1e-6, atol=0)
    assert (data.val.targets["weight"] == 1).all()
    assert (data.test.targets["weight"] == 1).all()
    assert "weight" not in plain.train.targets


def test_label_noise_touches_training_alone() -> None:
    clean, noisy = (MNIST5k(name="mnist_5k", label_noise=share).load(2, "image") for share in (0.0, 0.4))
    assert clean.inputs is noisy.inputs
    for split in ("train", "val", "test"):
        one, two = getattr(clean, split), getattr(noisy, split)
        assert torch.equal(one.rows, two.rows)
        wrong = (one.targets["multiclass"] != two.targets["multiclass"]).sum()
        assert wrong == (1400 if split == "train" else 0)
        assert torch.equal(two.targets["multiclass"], two.targets["identity"])


@pytest.mark.parametrize("seed", range(3))
def test_every_split_of_the_5000_holds_all_digits_equally(seed: int) -> None:
    data = MNIST5k(name="mnist_5k").load(seed, "image")
    assert data.description.sizes == {"train": 3500, "val": 500, "test": 1000}
    for part in (data.train, data.val, data.test):
        assert part.targets["multiclass"].bincount().tolist() == [len(part) // 10] * 10


def test_the_images_are_digits_in_mnists_units() -> None:
    data = MNIST5k(name="mnist_5k").load(0, "image")
    assert data.inputs.shape == (5000, 1, 28, 28)
    assert abs(data.inputs.mean()) < 0.02
    assert abs(data.inputs.std() - 1) < 0.02
    grey = data.inputs * 0.3081 + 0.1307
    assert abs(grey.min()) < 1e-6
    assert abs(grey.max() - 1) < 1e-6
    # Nearest class means are right four times in five only if pixels, labels and rows belong together.
    flat, labels = data.inputs.flatten(1), data.train.targets["multiclass"]
    means = torch.stack([flat[data.train.rows[labels == digit]].mean(0) for digit in range(10)])
    found = torch.cdist(flat[data.test.rows], means).argmin(1)
    assert (found == data.test.targets["multiclass"]).float().mean() > 0.75


def test_parts_may_leave_images_out() -> None:
    data = MNIST5k(name="mnist_5k", train_size=200, val_size=50, test_size=1000).load(0, "image")
    assert data.description.sizes == {"train": 200, "val": 50, "test": 1000}
