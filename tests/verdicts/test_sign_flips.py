"""The sign-flip test against a count of all flips, against scipy, and against its own laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from lossbench.seeds import numpy_generator
from lossbench.verdicts import sign_flips
from lossbench.verdicts.sign_flips import COUNTED, sign_flip_p

numbers = st.floats(-100, 100).map(lambda x: round(x, 6))
differences = st.lists(numbers, min_size=2, max_size=9)


@settings(max_examples=30, deadline=None)
@given(differences)
@example([0.0, 0.0, 1.5, 31.5, 99.5, -4.158203, -28.0, -100.0])  # ties, and a mean near zero
@example([0.1, 0.2, -0.3, 0.4])  # 0.1 + 0.2 is not 0.3 in binary, and must tie with it
def test_flips_that_are_as_extreme_are_counted(values: list[float]) -> None:
    array = np.array(values)
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(array))).reshape(len(array), -1)
    flipped = signs.T @ array
    tolerance = 1e-9 * max(1.0, float(np.abs(flipped).max()))
    one_sided = min((flipped >= array.sum() - tolerance).mean(), (flipped <= array.sum() + tolerance).mean())
    assert float(sign_flip_p(array)) == pytest.approx(min(1.0, 2 * one_sided))


@pytest.mark.parametrize("seeds", [2, 3, 8, 13])
def test_p_is_that_of_scipys_exact_permutation_test(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(0.5, 1.0, size=seeds)
    reference = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**seeds)
    assert float(sign_flip_p(values)) == pytest.approx(float(reference.pvalue), abs=1e-12)


def test_twenty_seeds_are_counted_and_not_drawn() -> None:
    values = np.random.default_rng(3).normal(0.4, 1.0, size=20)
    signs = 1 - 2 * ((np.arange(2**20, dtype=np.int64)[:, None] >> np.arange(20)) & 1).astype(np.int8)
    exact = (np.abs(signs @ values) >= abs(values.sum()) - 1e-9).mean()
    assert float(sign_flip_p(values)) == pytest.approx(exact, abs=1e-12)


def test_more_seeds_than_can_be_counted_are_drawn_close_to_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for seeds in (24, 27, 35):
        values = np.random.default_rng(seeds).normal(0.3, 1.0, size=seeds)
        counted = float(sign_flip_p(values))
        assert counted > 0.001
        with monkeypatch.context() as patched:
            patched.setattr(sign_flips, "COUNTED", 23)
            assert float(sign_flip_p(values)) == pytest.approx(counted, abs=4 * np.sqrt(counted / 2**18))


@pytest.mark.parametrize("seeds", [41, 48, 50])
def test_drawn_p_is_the_share_among_the_signs_of_its_bytes(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(0.2, 1.0, size=seeds)
    generator = numpy_generator(0, "sign flips")
    sizes = [8] * (seeds // 8) + [seeds % 8] * (seeds % 8 > 0)
    drawn = [generator.integers(0, 2**size, 2**18, dtype=np.uint8) for size in sizes]
    # The lowest bit of a byte is the sign of the first of its values.
    bits = [np.unpackbits(own[:, None], axis=1, bitorder="little") for own in drawn]
    signs = np.concatenate([own[:, :size] for own, size in zip(bits, sizes, strict=True)], axis=1)
    sums = (2.0 * signs - 1) @ values
    share = (int((sums >= abs(values.sum()) - 1e-9).sum()) + 1) / (2**18 + 1)
    assert float(sign_flip_p(values)) == pytest.approx(2 * share, abs=1e-12)


def test_drawn_p_is_never_zero_and_the_same_each_time() -> None:
    values = np.linspace(5.0, 6.0, COUNTED + 1)
    assert 0.0 < float(sign_flip_p(values)) == float(sign_flip_p(values)) < 1e-4


def test_edge_and_leading_axes_are_experiments_apart() -> None:
    values = np.random.default_rng(2).normal(size=(3, 2, 7))
    found = sign_flip_p(values, 0.3)
    assert found.shape == (3, 2)
    assert found[1, 1] == float(sign_flip_p(values[1, 1] - 0.3))


@pytest.mark.parametrize("factor", [1e-300, 1e-6, 1e6, 1e300])
def test_units_do_not_change_p(factor: float) -> None:
    values = np.array([0.1, 0.2, -0.3, 0.4, 0.5, 0.25])
    assert float(sign_flip_p(values * factor)) == float(sign_flip_p(values))


def test_one_seed_or_no_difference_says_nothing() -> None:
    assert float(sign_flip_p([3.0])) == 1.0
    assert float(sign_flip_p([0.0] * 8)) == 1.0
