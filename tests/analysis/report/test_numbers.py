"""Numbers as a person writes them."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tworate.analysis.report.numbers import estimate, fixed, p_value, rounded, setting

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)


def read(text):
    """Invert the writing of a number."""
    plain = text.replace(",", "").replace("−", "-")
    mantissa, _, power = plain.partition("×10")
    return float(mantissa) * 10.0 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


@given(NUMBERS)
def test_three_digits_lose_no_more_than_their_rounding(value):
    # The largest numbers round up to infinity, and the smallest have no full precision.
    if value == 0 or 1e-300 < abs(value) < 1e300:
        assert read(rounded(value)) == pytest.approx(value, rel=5.001e-3)


@given(NUMBERS)
def test_no_number_is_long(value):
    for text in (rounded(value), setting(value)):
        assert len(re.sub(r"^−?0?\.?0*", "", text).partition("×")[0].replace(",", "").replace(".", "")) <= 10


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.996, "10.0"), (0.09996, "0.100"), (999.6, "1,000"), (1e-7, "1.00×10⁻⁷"), (float("nan"), "–"), (None, "–"),
     (math.inf, "∞"), (-math.inf, "−∞"), (0.0, "0"), (-0.0, "0"), (1e12, "1.00×10¹²")],
)  # fmt: skip
def test_special_sizes(value, text):
    assert rounded(value) == text


def test_zero_has_no_sign():
    assert (fixed(-0.04), fixed(-0.06), fixed(None)) == ("0.0", "−0.1", "–")


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        # The length of an interval has two digits, whatever its place.
        ((1.32134, 1.25271, 1.39412), ("1.32", "1.25", "1.39")),
        ((12345.6, 12001.2, 12700.9), ("12,346", "12,001", "12,701")),
        ((0.00012, 0.0, 0.00034), ("0.00012", "0.00000", "0.00034")),
        ((2.0, 2.0, 2.0), ("2.000", "2.000", "2.000")),
        ((1e-9, 0.5e-9, 2e-9), ("1.00×10⁻⁹", "5.00×10⁻¹⁰", "2.00×10⁻⁹")),
    ],
)
def test_estimates_have_the_digits_that_their_intervals_deserve(numbers, texts):
    assert estimate(*numbers) == texts


def test_small_p_values():
    assert (p_value(0.0004), p_value(0.0123), p_value(1.0)) == ("<0.001", "0.012", "1.0")
