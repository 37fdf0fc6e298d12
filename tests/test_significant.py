"""Numbers keep the digits that count, whatever their units, and stay short."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.report.words import difference_text
from lossbench.significant import alike, between, number

SIZES = st.builds(lambda sign, digits, power: sign * digits * 10.0**power, st.sampled_from([-1, 1]),
                  st.floats(1, 9.999), st.integers(-200, 200))  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.344126, "0.3441"),
        (3.44126e-7, "3.441e-07"),
        (23456.7, "23457"),
        (9999.6, "10000"),
        (344126.4, "344126"),
        (3.44126e25, "3.441e+25"),
        (-0.00034412, "-0.0003441"),
        (0.0, "0"),
        (math.inf, "inf"),
    ],
)
def test_a_number_alone(value: float, text: str) -> None:
    assert number(value) == text


@given(SIZES)
def test_no_number_is_zero_or_long(value: float) -> None:
    text = number(value)
    assert float(text) == pytest.approx(value, rel=6e-4)
    assert len(text) <= 11


@given(SIZES, st.floats(0.01, 0.99))
def test_numbers_that_stand_together_keep_what_counts(value: float, share: float) -> None:
    size = abs(value) * share
    for text, told in zip(alike([value, value + size, size], size), (value, value + size, size), strict=True):
        assert abs(float(text) - told) <= size
        assert len(text) <= 11
    assert float(alike([value, size], size)[1]) > 0


@pytest.mark.parametrize(
    ("scale", "text"),
    [
        (1.0, "+0.31 [+0.25, +0.37]"),
        (1e-6, "+3.1e-07 [+2.5e-07, +3.7e-07]"),
        (1e6, "+310000 [+250000, +370000]"),
        (1e13, "+3.1e+12 [+2.5e+12, +3.7e+12]"),
        (0.0, "+0.0 [+0.0, +0.0]"),
    ],
)
def test_a_difference_has_its_digits_in_any_units(scale: float, text: str) -> None:
    assert difference_text(0.31 * scale, 0.25 * scale, 0.37 * scale) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-7.81234, 9.98765, "-7.8 to 10"),
        (1.7e9 - 6.4771, 1.7e9 + 8.1, "1699999993.5 to 1700000008.1"),
        (3.01234e-7, 5.5e-7, "3.01e-07 to 5.5e-07"),
        (12000.0, 3456789.0, "10000 to 3460000"),
        (5.0, 5.0, "5 to 5"),
    ],
)
def test_the_ends_of_a_range_tell_it_apart(low: float, high: float, text: str) -> None:
    assert between(low, high) == text
