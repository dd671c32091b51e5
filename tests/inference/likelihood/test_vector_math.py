"""Our own elementary functions: values and derivatives equal numpy's, also at the ends of their domains."""

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from tworate.inference.likelihood.vector_math import VectorMath

MATH = VectorMath()
SMALL = np.array([0.0, 1e-300, 1e-17, 1e-9, 1e-4, 0.01, 0.29, 0.2929, 0.41, 0.4143, 0.7, 1.0, 1.7, 3.0, 40.0, 600.0])
ARGUMENTS = {
    "exp": np.concatenate([-SMALL, SMALL, [709.0]]),
    "expm1": np.concatenate([-SMALL, SMALL, [709.0]]),
    "log": np.concatenate([SMALL[1:], 1.0 - SMALL[2:11], [1e300]]),
    "log1p": np.concatenate([SMALL, -SMALL[:11], [-1.0 + 1e-15, 1e300]]),
}


def values_and_slopes(name, arguments):
    x = pt.dvector("x")
    y = getattr(MATH, name)(x)
    return pytensor.function([x], [y, pytensor.gradient.grad(y.sum(), x)], mode="NUMBA")(arguments)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_values_are_within_two_units_of_the_last_digit(name):
    arguments = ARGUMENTS[name]
    values, slopes = values_and_slopes(name, arguments)
    with mpmath.workdps(40):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(x))) for x in arguments]
        slope = [
            mpmath.exp(float(x)) if "exp" in name else 1 / (mpmath.mpf(float(x)) + (name == "log1p")) for x in arguments
        ]
    np.testing.assert_allclose(values, np.array(exact, dtype=float), rtol=2 * 2.3e-16, atol=0)
    np.testing.assert_allclose(slopes, np.array(slope, dtype=float), rtol=4 * 2.3e-16, atol=0)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_ends_are_those_of_numpy(name):
    ends = np.array([-np.inf, -1.0, 0.0, np.inf, np.nan, -750.0, 710.0])
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(ends)
    values, _ = values_and_slopes(name, ends)
    # Results that underflow are small, not 0.
    np.testing.assert_allclose(values, expected, rtol=1e-15, atol=1e-303)


def test_functions_of_one_argument_are_distinguished():
    x = pt.dvector("x")
    names = list(ARGUMENTS)
    results = pytensor.function([x], [getattr(MATH, name)(x) for name in names], mode="NUMBA")(np.array([0.3]))
    np.testing.assert_allclose(np.ravel(results), [getattr(np, name)(0.3) for name in names], rtol=1e-15)


def test_differences_and_their_gradient_are_those_of_numpy():
    rng = np.random.default_rng(1)
    values, start, end = rng.normal(size=9), rng.integers(9, size=30), rng.integers(9, size=30)
    weight = rng.normal(size=30)
    inputs = [pt.dvector() for _ in range(4)]
    symbolic = MATH.differences(*inputs[:3])
    gradient = pytensor.gradient.grad((symbolic * inputs[3]).sum(), inputs[0])
    expected = np.zeros(9)
    np.add.at(expected, end, weight)
    np.subtract.at(expected, start, weight)
    for mode in ("NUMBA", "FAST_COMPILE"):
        function = pytensor.function(inputs, [symbolic, gradient], mode=mode)
        differences, slope = function(values, start.astype(float), end.astype(float), weight)
        np.testing.assert_array_equal(differences, values[end] - values[start])
        np.testing.assert_allclose(slope, expected, rtol=0, atol=1e-14)


def test_all_other_functions_are_those_of_pytensor():
    assert MATH.maximum is pt.maximum
