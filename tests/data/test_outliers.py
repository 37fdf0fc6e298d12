"""The synthetic regression: known truth, paired noise, nested outliers, a clean test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_friedman1

from lossbench.data.outliers import Outliers, _friedman1

KINDS = ("one_sided", "symmetric", "heavy_tailed")


def _load(seed: int = 0, **knobs: Any):
    return Outliers(name="outliers", **knobs).load(seed, "vector")


def _friedman(inputs: torch.Tensor) -> torch.Tensor:
    x = inputs.double() / 12**0.5 + 0.5
    return 10 * (np.pi * x[:, 0] * x[:, 1]).sin() + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_friedmans_function_is_that_of_scikit_learn_to_the_bit(seed: int) -> None:
    for ours, theirs in zip(_friedman1(100, seed), make_friedman1(100, random_state=seed), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("contamination", [0.0, 0.3, 1.0])
def test_the_test_set_is_the_noise_free_function(contamination: float) -> None:
    data = _load(contamination=contamination)
    truth = _friedman(data.inputs[data.test.rows])
    torch.testing.assert_close(data.test.targets["continuous"], truth, atol=1e-4, rtol=1e-5)
    sine = _load(curve="sine", contamination=contamination)
    expected = 7 * sine.inputs[sine.test.rows, 0].double().sin()
    torch.testing.assert_close(sine.test.targets["continuous"], expected, atol=1e-4, rtol=1e-5)


def test_noise_has_the_given_deviation() -> None:
    data = _load(contamination=0.0, noise=2.0, train_size=20_000)
    errors = data.train.targets["continuous"] - _friedman(data.inputs[data.train.rows])
    assert abs(errors.std() - 2.0) < 0.05
    assert abs(errors.mean()) < 0.05
    assert torch.equal(
        _load(contamination=0.0, noise=0.0, curve="sine").train.targets["continuous"],
        _load(contamination=0.0, noise=0.0, curve="sine", outlier="symmetric").train.targets["continuous"],
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["train", "val"])
def test_outliers_are_counted_exactly_and_nested(kind: str, split: str) -> None:
    clean = getattr(_load(contamination=0.0, outlier=kind), split).targets["continuous"]
    before, smaller = torch.zeros(len(clean), dtype=torch.bool), clean
    for contamination in (0.05, 0.1, 0.4, 1.0):
        targets = getattr(_load(contamination=contamination, outlier=kind), split).targets["continuous"]
        changed = targets != clean
        assert changed.sum() == round(contamination * len(clean))
        assert changed[before].all()
        assert torch.equal(targets[before], smaller[before])
        before, smaller = changed, targets


def test_the_kinds_of_outlier_lie_where_they_should() -> None:
    far: dict[str, torch.Tensor] = {}
    clean = _load(contamination=0.0)
    spread = _friedman(clean.inputs[clean.train.rows]).std(unbiased=False)
    for kind in KINDS:
        data = _load(contamination=0.5, outlier=kind, outlier_scale=4.0)
        moved = (data.train.targets["continuous"] - clean.train.targets["continuous"]) / spread
        far[kind] = moved[moved != 0]
    assert (far["one_sided"] >= 2 - 1e-5).all()
    assert (far["one_sided"] <= 6 + 1e-5).all()
    assert 0.4 < (far["symmetric"] > 0).double().mean() < 0.6
    torch.testing.assert_close(far["symmetric"].abs(), far["one_sided"], atol=1e-4, rtol=0)
    # Student's t with 2 degrees of freedom: three quarters of it lie below 0.816.
    assert abs(far["heavy_tailed"].abs().median() / 4 - 0.816) < 0.12
    assert far["heavy_tailed"].abs().max() > 20


def test_inputs_and_test_do_not_depend_on_noise_or_sizes() -> None:
    one, two = _load(contamination=0.0), _load(contamination=0.9, noise=3.0, outlier="heavy_tailed")
    assert one.inputs is two.inputs
    small, large = _load(train_size=50, val_size=20), _load()
    assert torch.equal(small.inputs[small.test.rows], large.inputs[large.test.rows])
    assert torch.equal(small.test.targets["continuous"], large.test.targets["continuous"])


def test_units_come_from_the_training_targets_and_resist_outliers() -> None:
    clean = _load(contamination=0.0).units["continuous"]
    dirty = _load(contamination=0.1, outlier_scale=1000.0).units["continuous"]
    assert abs(clean.scale - 5) < 0.8
    assert abs(dirty.scale - clean.scale) < 0.35 * clean.scale
    assert abs(dirty.shift - clean.shift) < 1.5


def test_the_fingerprint_tells_what_was_loaded() -> None:
    source = Outliers(name="outliers")
    prints = {source.fingerprint(seed) for seed in (0, 1)}
    prints |= {Outliers(name="outliers", contamination=0.2).fingerprint(0)}
    prints |= {Outliers(name="outliers", noise=2.0).fingerprint(0)}
    assert len(prints) == 4
    assert source.fingerprint(0) == Outliers(name="outliers").fingerprint(0)
