"""Differences by seed as an interval and a p: by their mean, or by ranks where runs diverged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lossbench.verdicts.comparison import Evidence, compare, median_interval, sign_test_p
from lossbench.verdicts.statistics import Region, claim_p, paired_interval

BETTER = Region.of("better", 0.0)


def test_finite_differences_are_judged_by_their_mean() -> None:
    values = np.random.default_rng(0).normal(0.5, 1, 12)
    interval, p = compare(values, BETTER)
    assert (float(interval.low), p) == (float(paired_interval(values).low), float(claim_p(values, BETTER)))


def test_sign_test_is_that_of_scipy_with_ties_left_out() -> None:
    values = np.array([0.0, 0.0, 1.0, 2.0, np.inf, -1.0])
    assert sign_test_p(values) == pytest.approx(stats.binomtest(3, 4).pvalue)
    assert sign_test_p(values, edge=1.5) == pytest.approx(stats.binomtest(2, 6).pvalue)
    assert sign_test_p(np.zeros(5)) == 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(6, 40))
def test_ends_of_the_median_interval_are_what_the_sign_test_finds_plausible(seed: int, n: int) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    interval = median_interval(values)
    assert float(interval.estimate) == pytest.approx(float(np.median(values)))
    small = 1e-9
    assert sign_test_p(values, float(interval.low) + small) > 0.05
    assert sign_test_p(values, float(interval.high) - small) > 0.05
    assert sign_test_p(values, float(interval.low) - small) <= 0.05
    assert sign_test_p(values, float(interval.high) + small) <= 0.05


def test_five_seeds_leave_the_median_anywhere() -> None:
    interval = median_interval(np.array([1.0, 2.0, 3.0, np.inf, np.inf]))
    assert (float(interval.low), float(interval.high)) == (-np.inf, np.inf)


def test_size_of_a_divergence_does_not_matter() -> None:
    once = compare(np.array([0.1] * 9 + [-np.inf]), BETTER)
    assert float(once[0].estimate) == pytest.approx(0.1)
    assert once[1] == pytest.approx(stats.binomtest(9, 10).pvalue)


def test_divergence_on_most_seeds_is_an_infinite_difference() -> None:
    assert float(median_interval(np.array([np.inf] * 5 + [1.0] * 3)).estimate) == np.inf
    assert float(median_interval(np.array([-np.inf] * 4 + [1.0] * 4)).estimate) == -np.inf


def test_verdict_needs_both_intervals_and_all_runs() -> None:
    interval, p = compare(np.linspace(0.9, 1.1, 10), BETTER)
    both = [(p, p)]
    assert Evidence(interval, None, *both).decision(BETTER) == 1
    assert Evidence(interval, (0.5, 1.5), *both).decision(BETTER) == 1
    assert Evidence(interval, (-0.1, 2.0), *both).decision(BETTER) == 0
    assert Evidence(interval, None, *both, missing=1).decision(BETTER) == 0


def test_intervals_on_both_sides_of_an_edge_contradict_each_other_and_are_no_verdict() -> None:
    interval, p = compare(np.linspace(0.9, 1.1, 10), BETTER)
    assert Evidence(interval, (-1.5, -0.5), (p, p)).decision(BETTER) == 0
    alike = Region.of("as_good_as", 2.0)
    assert Evidence(interval, (-1.5, -0.5), (p, p)).decision(alike) == 1
    assert Evidence(interval, (2.5, 3.5), (p, p)).decision(alike) == 0
    worse, p = compare(np.linspace(-3.1, -2.9, 10), alike)
    assert Evidence(worse, (-3.5, -2.5), (p, p)).decision(alike) == -1
    assert Evidence(worse, (2.5, 3.5), (p, p)).decision(alike) == -1  # not within the margin, either way
