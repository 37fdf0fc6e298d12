"""Seeds that share examples: the interval holds for new examples, which the one over seeds alone does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lossbench.verdicts.statistics import Region, paired_interval, seeds_to_settle
from lossbench.verdicts.two_way import Influence, two_way_interval

Floats = NDArray[np.float64]


def interval_of(values: list[Floats], clusters: list[NDArray[np.int64]]) -> tuple[Floats, Floats, float]:
    """Low and high of the mean over seeds of means over examples, and what sharing adds to its variance."""
    means = np.array([own.mean() for own in values])
    found = two_way_interval(means, [Influence.of_mean(*own) for own in zip(values, clusters, strict=True)])
    return found.low, found.high, found.shared


def world(generator: np.random.Generator, seeds: int, tails: bool = False) -> Callable[[], list[Floats]]:
    """Differences of two models on tests of 40 examples out of one pool of 160; the truth is 0."""

    def drawn() -> list[Floats]:
        effect = generator.standard_t(3, 160) if tails else generator.normal(size=160)
        rows = [generator.permutation(160)[:40] for _ in range(seeds)]
        values = [effect[own] + generator.normal(0, 0.1) + generator.normal(size=40) for own in rows]
        return [np.stack([v, own]) for v, own in zip(values, rows, strict=True)]

    return drawn


@pytest.mark.parametrize("tails", [False, True])
def test_it_holds_for_new_examples_where_seeds_alone_miss_far_too_often(tails: bool) -> None:
    draw = world(np.random.default_rng(1), 20, tails)
    missed = {"seeds": 0, "both": 0}
    for _ in range(600):
        seeds = draw()
        values, rows = [own[0] for own in seeds], [own[1].astype(int) for own in seeds]
        low, high, _ = interval_of(values, rows)
        missed["both"] += not low <= 0 <= high
        plain = paired_interval([own.mean() for own in values])
        missed["seeds"] += not plain.low <= 0 <= plain.high
    assert missed["seeds"] > 0.20 * 600
    assert missed["both"] < 0.07 * 600


def test_it_holds_for_new_people_where_pairs_of_them_are_measured() -> None:
    generator = np.random.default_rng(1)
    missed, seeds, repeats = {"seeds": 0, "both": 0}, 15, 200
    for _ in range(repeats):
        person, chance = 0.5 * generator.normal(size=40), np.triu(generator.normal(size=(40, 40)), 1)
        pairs = person[:, None] + person + chance + chance.T
        differences, influences = [], []
        for _ in range(seeds):
            who = generator.permutation(40)[:10]
            own = pairs[np.ix_(who, who)] * (1 - np.eye(10))
            differences.append(own.sum() / 90)
            without = (own.sum() - 2 * own.sum(0)) / 72
            influences.append(Influence.of_deletion(differences[-1], without, who, np.full(10, 10)))
        wide, plain = two_way_interval(np.array(differences), influences), paired_interval(differences)
        missed["both"] += not wide.low <= 0 <= wide.high
        missed["seeds"] += not plain.low <= 0 <= plain.high
    assert missed["seeds"] > 0.20 * repeats
    assert missed["both"] < 0.09 * repeats


@given(st.integers(2, 12), st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_it_is_that_over_seeds_where_no_two_share_an_example(seeds: int, size: int, start: int) -> None:
    generator = np.random.default_rng(start)
    values = list(generator.normal(size=(seeds, size)))
    clusters = list(generator.permutation(seeds * size).reshape(seeds, size) // 2 * 2)  # some in pairs
    clusters = [own + number * 10_000 for number, own in enumerate(clusters)]
    low, high, shared = interval_of(values, clusters)
    plain = paired_interval(np.mean(values, axis=1))
    assert (low, high) == (pytest.approx(float(plain.low)), pytest.approx(float(plain.high)))
    assert shared == pytest.approx(0, abs=1e-12)


@given(st.integers(2, 8), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_it_is_never_narrower_than_over_seeds(seeds: int, size: int, start: int) -> None:
    generator = np.random.default_rng(start)
    values = [generator.normal(size=size) for _ in range(seeds)]
    low, high, shared = interval_of(values, [generator.integers(0, 9, size) for _ in range(seeds)])
    plain = paired_interval([own.mean() for own in values])
    assert low <= plain.low
    assert high >= plain.high
    assert shared >= 0


@pytest.mark.parametrize("grouped", [False, True])
def test_its_variance_is_that_of_statsmodels(grouped: bool) -> None:
    from statsmodels.api import OLS
    from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

    generator = np.random.default_rng(3)
    effect, seeds = generator.normal(size=60), 8
    rows = [generator.permutation(60)[:24] for _ in range(seeds)]
    values = [effect[own] + generator.normal(0, 0.1) + generator.normal(size=24) for own in rows]
    clusters = [own // 3 if grouped else own for own in rows]
    low, high, shared = interval_of(values, clusters)
    fitted = OLS(np.concatenate(values), np.ones(24 * seeds)).fit()
    both, *_ = cov_cluster_2groups(fitted, np.repeat(np.arange(seeds), 24), np.concatenate(clusters))
    means = [own.mean() for own in values]
    assert np.var(means, ddof=1) / seeds + shared == pytest.approx(float(both[0, 0]), rel=1e-9)
    assert high - low > np.diff([paired_interval(means).low, paired_interval(means).high])


def test_deleting_each_cluster_gives_of_a_mean_what_its_values_give() -> None:
    generator = np.random.default_rng(4)
    values, clusters = generator.normal(size=50), generator.integers(0, 7, 50)
    known, count = np.unique(clusters, return_counts=True)
    without = np.array([values[clusters != one].mean() for one in known])
    deleted = Influence.of_deletion(float(values.mean()), without, known, count)
    exact = Influence.of_mean(values, clusters)
    np.testing.assert_allclose(deleted.moved, exact.moved, atol=1e-12)
    np.testing.assert_allclose(deleted.share, exact.share)


def test_a_difference_moves_by_what_moves_its_sides() -> None:
    generator = np.random.default_rng(5)
    left, right = generator.normal(size=(2, 30))
    clusters = generator.integers(0, 9, 30)
    sides = [(1.0, Influence.of_mean(left, clusters)), (-1.0, Influence.of_mean(right, clusters))]
    exact = Influence.of_mean(left - right, clusters)
    np.testing.assert_allclose(Influence.sum_of(sides).moved, exact.moved, atol=1e-12)
    # The same where the sides list their clusters otherwise.
    some = Influence.of_mean(right[:20], np.arange(20) + 100)
    mixed = Influence.sum_of([sides[0], (-1.0, some)])
    assert len(mixed.clusters) == len(exact.clusters) + 20
    assert mixed.share.sum() == pytest.approx(1)
    assert mixed.moved.sum() == pytest.approx(0, abs=1e-12)


def test_more_seeds_do_not_settle_what_shared_examples_leave_open() -> None:
    generator = np.random.default_rng(6)
    effect = generator.normal(size=40)  # every seed is tested on the same 40
    effect += 0.25 - effect.mean()
    values = [effect + generator.normal(0, 0.1) for _ in range(10)]
    means = np.array([own.mean() for own in values])
    wide = two_way_interval(means, [Influence.of_mean(own, np.arange(40)) for own in values])
    assert seeds_to_settle(paired_interval(means), Region(low=0.0)) is not None
    assert seeds_to_settle(wide, Region(low=0.0)) is None
