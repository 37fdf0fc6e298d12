"""How many seeds a pilot asks for is a range that seldom misses, and no number where it knows none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from lossbench.verdicts.pilot import Asked, joined, possible, seeds_asked, spread_asks
from lossbench.verdicts.statistics import ALPHA, Interval, Region, paired_interval, seeds_to_settle

BETTER = Region(low=0.0)


def pilot(n: int, effect: float) -> Interval:
    """Of differences with just this mean and a deviation of 1."""
    return paired_interval(effect + stats.zscore(np.random.default_rng(n).normal(size=n), ddof=1))


def test_the_range_is_that_of_the_effects_that_the_pilot_leaves_plausible() -> None:
    asked = seeds_asked(pilot(20, 0.7), BETTER)
    assert asked is not None
    assert asked.high is not None
    # Who finds an effect that large, or that small, would have seen 0.7 or less (or more) in 5%.
    for number, tail in ((asked.low, 0.05), (asked.high, 0.95)):
        effect = TTestPower().solve_power(nobs=number, alpha=ALPHA, power=0.8)
        seen = stats.nct.cdf(0.7 * math.sqrt(20), 19, effect * math.sqrt(20))
        assert seen == pytest.approx(tail, abs=0.04)  # numbers of seeds are whole
    assert asked.low < (seeds_to_settle(pilot(20, 0.7), BETTER) or 0) < asked.high


def test_fewer_than_five_seeds_or_a_divergence_tell_no_number() -> None:
    assert seeds_asked(pilot(4, 0.5), BETTER) is None
    gone = Interval(np.asarray(1.0), np.asarray(0.0), np.asarray(math.inf), np.asarray(math.nan), 12)
    assert seeds_asked(gone, BETTER) is None


def test_pilots_of_no_difference_name_no_upper_end() -> None:
    values = np.random.default_rng(3).normal(size=(60, 10))
    asked = [seeds_asked(paired_interval(own), BETTER) for own in values]
    reached = np.mean([one is not None and one.high is not None for one in asked])
    single = np.mean([seeds_to_settle(paired_interval(own), BETTER) is not None for own in values])
    assert reached < 0.15  # 10% by construction, half of which have a verdict
    assert single > 0.5  # as one number


def test_ranges_of_pilots_hold_the_truth() -> None:
    truth = math.ceil(TTestPower().solve_power(0.5, alpha=ALPHA, power=0.8))
    assert truth == 36
    values = np.random.default_rng(4).normal(0.5, size=(60, 10))
    asked = [seeds_asked(paired_interval(own), BETTER) for own in values]
    held = [one is not None and one.low <= truth <= (one.high or math.inf) for one in asked]
    assert np.mean(held) > 0.85


def test_being_as_good_is_easiest_in_the_middle_of_the_margin() -> None:
    region = Region(low=-1.0, high=1.0)
    asked = seeds_asked(pilot(10, 0.1), region)
    middle = seeds_to_settle(pilot(10, 0.0), region)
    assert asked is not None
    assert asked.low == middle
    assert asked.high is not None
    assert asked.high > asked.low
    edge = seeds_asked(pilot(10, 0.95), region)
    assert edge is not None
    assert edge.high is None


def test_differences_without_spread_ask_for_the_least_number_or_for_none() -> None:
    assert seeds_asked(paired_interval([1.0] * 5), BETTER) == Asked(6, 6)
    assert seeds_asked(paired_interval([0.0] * 5), BETTER) == Asked(1001, None)


def test_a_range_is_said_as_far_as_it_is_known() -> None:
    assert spread_asks(10, None) == "10 seeds cannot tell how many more it takes"
    assert spread_asks(10, Asked(8, None)) == "10 seeds cannot tell how many more it takes"
    assert spread_asks(10, Asked(14, None)) == "the spread seen asks for at least 14 seeds"
    assert spread_asks(10, Asked(14, 400)) == "the spread seen asks for at least 14 seeds"
    assert spread_asks(10, Asked(14, 60)) == "the spread seen asks for 14 to 60 seeds"
    assert spread_asks(10, Asked(6, 60)) == "the spread seen asks for up to 60 seeds"
    assert spread_asks(10, Asked(6, 9)) == "a few more seeds may settle it"
    assert spread_asks(10, Asked(101, None)) == "the spread seen asks for more than 100 seeds"
    start = "possible, not certain, from 8 seeds on"
    assert possible(8, None) == possible(8, Asked(6, None)) == start
    assert possible(8, Asked(6, 8)) == f"{start}, and the spread seen asks for no more"
    assert possible(8, Asked(12, None)) == f"{start}, and the spread seen asks for at least 12"


def test_several_pairs_ask_until_the_first_is_settled() -> None:
    assert joined([None, Asked(20, 90), Asked(14, None)]) == Asked(14, 90)
    assert joined([None]) is None
