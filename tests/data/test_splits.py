"""The laws of stratified parts and of robust units."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.data.splits import robust_units, stratified

LABELS = st.lists(st.integers(0, 4), min_size=6, max_size=80)


@given(LABELS, st.data(), st.integers(0, 99))
def test_parts_are_disjoint_and_hold_each_class_in_proportion(
    labels: list[int], data: st.DataObject, seed: int
) -> None:
    first = data.draw(st.integers(0, len(labels)))
    second = data.draw(st.integers(0, len(labels) - first))
    parts = stratified(labels, (first, second), seed, "split")
    assert [len(part) for part in parts] == [first, second]
    together = np.concatenate(parts)
    assert len(set(together.tolist())) == len(together)
    for part in parts:
        for kind in set(labels):
            fair = labels.count(kind) * len(part) / len(labels)
            assert (
                abs(np.sum(np.asarray(labels)[part] == kind) - fair) <= 4
            )  # at most one of each other class


def test_equal_classes_are_cut_evenly() -> None:
    labels = np.repeat(np.arange(10), 50)
    for part in stratified(labels, (350, 50, 100), 1, "split"):
        assert set(np.bincount(labels[part])) == {len(part) // 10}


def test_a_smaller_part_is_the_beginning_of_a_greater_one() -> None:
    labels = np.arange(100) % 3
    (validation, few), (same, many) = (stratified(labels, (20, size), 7, "split") for size in (10, 60))
    assert np.array_equal(validation, same)
    assert np.array_equal(few, many[:10])


def test_every_example_is_drawn_equally_often() -> None:
    counts = np.zeros(12)
    for seed in range(600):
        counts[stratified([0] * 8 + [1] * 4, (6,), seed, "split")[0]] += 1
    assert np.all(np.abs(counts - 300) < 5 * np.sqrt(600 * 0.25))


def test_units_are_those_of_a_normal_distribution_and_ignore_outliers() -> None:
    clean = np.random.default_rng(0).normal(7.0, 3.0, 20_000)
    assert astuple(robust_units(clean))[:2] == pytest.approx((7.0, 3.0), abs=0.1)
    dirty = clean.copy()
    dirty[:2000] = 1e6
    shift, scale, _ = astuple(robust_units(dirty))
    assert abs(shift - 7.0) < 0.6
    assert abs(scale - 3.0) < 0.6


def test_equal_targets_keep_a_scale_that_can_divide() -> None:
    assert astuple(robust_units([2.0, 2.0, 2.0])) == (2.0, 1.0, False)


def test_units_of_logarithms_are_those_of_the_logarithms() -> None:
    prices = np.exp(np.random.default_rng(0).normal(8.0, 0.5, 1001))
    units, plain = robust_units(prices, log=True), robust_units(np.log(prices))
    assert (units.shift, units.scale, units.log) == (plain.shift, plain.scale, True)
