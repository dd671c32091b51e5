"""Numbers as a person writes them: few digits, no powers of ten where they are not needed."""

import math
from typing import Any

NOTHING = "–"
"""What stands where there is no number."""
_SMALLEST, _LARGEST = 1e-6, 1e9
"""Sizes between which numbers are written without a power of ten."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def rounded(value: Any, digits: int = 3) -> str:
    """Return a number with some significant digits: `1,235`, `12.3`, `0.00026`; a dash where there is none.

    Examples
    --------
    >>> rounded(0.00026170034213), rounded(1234.6), rounded(0.5), rounded(-2.0)
    ('0.000262', '1,235', '0.500', '−2.00')
    """
    if value is None or value != value:
        return NOTHING
    number = float(value)
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if number == 0:
        return "0"
    size = abs(number)
    if not _SMALLEST <= size < _LARGEST:
        mantissa, power = f"{number:.{digits - 1}e}".split("e")
        return f"{mantissa}×10{str(int(power)).translate(_SUPERSCRIPTS)}".replace("-", "−")
    # The exponent after rounding: 0.09996 has its first digit at 0.1.
    exponent = int(f"{size:.{digits - 1}e}".split("e")[1])
    return fixed(number, max(0, digits - 1 - exponent))


def fixed(value: Any, decimals: int = 1) -> str:
    """Return a number with some decimals and a proper minus sign; a dash where there is none.

    Examples
    --------
    >>> fixed(-3370.52), fixed(-0.01), fixed(float("nan"))
    ('−3,370.5', '0.0', '–')
    """
    if value is None or value != value:
        return NOTHING
    if math.isinf(float(value)):
        return "∞" if value > 0 else "−∞"
    text = f"{float(value):,.{decimals}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def setting(value: Any) -> str:
    """Return a setting as it was given, but with no more than four digits: `0.5`, `40`, `−0.0002617`.

    Examples
    --------
    >>> setting(0.5), setting(-0.000261700342131), setting(10.0), setting(1000), setting("k-regular")
    ('0.5', '−0.0002617', '10', '1000', 'k-regular')
    """
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    exact = f"{value:.4g}"
    return rounded(value) if "e" in exact else exact.replace("-", "−")


def decimals_for(low: float, high: float) -> int:
    """Return the decimals that an interval deserves: its length has two significant digits."""
    length = abs(high - low)
    if not math.isfinite(length) or length <= 0:
        return 3
    return min(8, max(0, 1 - math.floor(math.log10(length))))


def estimate(middle: Any, low: Any, high: Any) -> tuple[str, str, str]:
    """Return an estimate and the ends of its interval with as many decimals as the interval deserves.

    Examples
    --------
    >>> estimate(1.32134, 1.25271, 1.39412)
    ('1.32', '1.25', '1.39')
    """
    decimals = decimals_for(low, high)
    if decimals == 8 or max(abs(low), abs(high)) >= _LARGEST:
        return rounded(middle), rounded(low), rounded(high)
    middle_text, low_text, high_text = (fixed(value, decimals) for value in (middle, low, high))
    return middle_text, low_text, high_text


def p_value(value: float) -> str:
    """Return a p-value: two significant digits, and no smaller than 0.001."""
    return "<0.001" if value < 0.001 else rounded(value, 2)
