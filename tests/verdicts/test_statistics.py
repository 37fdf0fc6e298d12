"""The statistics against their libraries and their laws, and the verdict rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from lossbench.verdicts.statistics import (
    ALPHA,
    Region,
    claim_p,
    decide,
    fewest_seeds,
    holm,
    paired_interval,
    seeds_to_settle,
)

numbers = st.floats(-100, 100).map(lambda x: round(x, 6))
differences = st.lists(numbers, min_size=2, max_size=9)


def verdict(values: list[float], region: Region) -> int:
    return int(decide(paired_interval(values), claim_p(values, region), region))


def test_interval_is_the_paired_t_interval_of_scipy() -> None:
    left, right = np.random.default_rng(0).normal(size=(2, 10))
    interval = paired_interval(left - right)
    reference = stats.ttest_rel(left, right).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high))


@pytest.mark.slow
@pytest.mark.parametrize("claims", [1, 2, 3, 8])
def test_holm_is_that_of_statsmodels(claims: int) -> None:
    for p in np.round(np.random.default_rng(claims).uniform(size=(2, claims)) ** 3, 2):
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_treats_leading_axes_apart() -> None:
    p = np.random.default_rng(1).uniform(size=(7, 4))
    assert holm(p) == pytest.approx(np.array([holm(row) for row in p]))


@settings(max_examples=30, deadline=None)
@given(differences, st.floats(0, 10))
def test_swapping_the_sides_of_a_better_claim_mirrors_the_verdict(values: list[float], shift: float) -> None:
    up, down = np.array(values) + shift, -np.array(values) - shift
    assert verdict(list(up), Region.of("better", 0.0)) == -verdict(list(down), Region.of("better", 0.0))


@settings(max_examples=30, deadline=None)
@given(differences, st.sampled_from([2.0, 0.5, 1024.0]))
def test_units_do_not_matter(values: list[float], factor: float) -> None:
    array = np.array(values)
    before = verdict(list(array), Region.of("as_good_as", 1.0))
    assert before == verdict(list(array * factor), Region.of("as_good_as", factor))


@pytest.mark.parametrize(
    ("kind", "centre", "expected"),
    [
        ("better", 3.0, 1),
        ("better", -3.0, -1),
        ("better", 0.2, -1),  # better, but not by more than the margin: the claim as stated is wrong
        ("better", 1.0, 0),
        ("as_good_as", 0.0, 1),
        ("as_good_as", 3.0, -1),
        ("as_good_as", -3.0, -1),
        ("as_good_as", 1.0, 0),
        ("no_worse", 3.0, 1),
        ("no_worse", 0.0, 1),
        ("no_worse", -3.0, -1),
        ("no_worse", -1.0, 0),
    ],
)
def test_verdict_follows_where_the_differences_lie(kind: str, centre: float, expected: int) -> None:
    spread = np.linspace(-0.3, 0.3, 10)
    assert verdict(list(spread + centre), Region.of(kind, 1.0)) == expected  # type: ignore[arg-type]


def test_equal_results_are_as_good_as_each_other_but_neither_is_better() -> None:
    assert verdict([0.0] * 10, Region.of("as_good_as", 1e-4)) == 1
    assert verdict([0.0] * 10, Region.of("better", 0.0)) == 0


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_fewer_than_six_seeds_never_decide(seeds: int) -> None:
    clear = list(5.0 + 0.01 * np.arange(seeds))
    assert verdict(clear, Region.of("better", 0.0)) == 0
    assert fewest_seeds(1) == 6


def test_the_fewest_seeds_are_those_at_which_one_of_several_claims_can_be_decided() -> None:
    for claims in (1, 3, 6, 20):
        n = fewest_seeds(claims)
        assert 2 / 2**n * claims <= ALPHA < 2 / 2 ** (n - 1) * claims


def test_no_verdict_when_one_seed_carries_the_difference() -> None:
    assert verdict([0.0] * 9 + [100.0], Region.of("better", 0.0)) == 0


def test_interval_and_verdict_never_contradict() -> None:
    values = np.random.default_rng(5).standard_t(2, size=(500, 8)) + 0.8
    interval = paired_interval(values)
    decided = decide(interval, claim_p(values, Region.of("better", 0.0)), Region.of("better", 0.0)) != 0
    assert decided.any()
    assert not (decided & (interval.low <= 0) & (interval.high >= 0)).any()


def test_seeds_to_settle_are_those_of_the_power_of_the_t_test() -> None:
    rng = np.random.default_rng(7)
    pilot = 0.6 + stats.zscore(rng.normal(size=12), ddof=1)
    region = Region.of("better", 0.0)
    n = seeds_to_settle(paired_interval(pilot), region)
    assert n == int(np.ceil(TTestPower().solve_power(0.6, alpha=ALPHA, power=0.8)))


def test_no_number_of_seeds_settles_a_difference_at_the_margin() -> None:
    values = 1.0 + stats.zscore(np.arange(10.0), ddof=1)
    assert seeds_to_settle(paired_interval(values), Region.of("better", 1.0)) is None
    assert seeds_to_settle(paired_interval([1.0]), Region.of("better", 0.0)) is None
