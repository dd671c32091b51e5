"""Densities of the likelihoods' families with their gradients, compiled to disk once for both sampling and LOO.

The beta-binomial (with `θ = ρ / (1 - ρ)`) and the negative binomial (with θ = α) consist of rising factorials
`A(k, p) = Σ_{j<k} log(p + j θ)`. Without terms that depend on no parameter,

    log BB(k; n, p, ρ) = A(k, p) + A(n - k, 1 - p) - A(n, 1),
    log NB(k; μ, α) = A(k, 1) + k log μ - (k + 1/α) log1p(α μ).

The textbook form, `A = lgamma(p / θ + k) - lgamma(p / θ) + k log θ`, loses all digits as θ → 0. For `p >= 8 θ` this
module uses a difference of Stirling series in which the cancelling terms are removed analytically, so θ may be 0.
Smaller p are shifted by `A(k, p) = A(k, p + 8θ) - log Π_{j<8} (p + (k + j) θ) / (p + j θ)`.

Compilers turn loops into vector instructions only if the loop body is arithmetic without branches or library calls.
Therefore this module also has its own logarithm and exponential.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ...common.compiled import njit as kept_njit

FloatArray = NDArray[np.float64]

BINOMIAL, NEGATIVE_BINOMIAL, NORMAL = range(3)
"""Families of distributions. The beta-binomial is the binomial family with a positive correlation."""
_SHIFT = 8
"""The Stirling series below are exact to double precision for arguments of at least this size."""
_SMALLEST = 1e-36
"""Smaller probabilities count as 0. The product of eight numbers of this size does not underflow."""
_LOG2_HIGH, _LOG2_LOW = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
"""log 2 in two parts: integer multiples of the first part are exact."""
_ROUNDING = 1.5 * 2.0**52
"""Adding and subtracting it rounds a number to an integer. The lowest bits of the sum hold that integer."""
_SQRT_HALF = 0x3FE6A09E667F3BCD
"""Bits of sqrt(1/2)."""
_ATANH = (2 / 3, 2 / 5, 2 / 7, 2 / 9, 2 / 11, 2 / 13, 2 / 15, 2 / 17, 2 / 19, 2 / 21)
"""`(2 atanh(s) - 2 s) / s³` in s², for |s| <= 0.172."""
_EXP = tuple(1.0 / math.factorial(n) for n in range(2, 15))
"""`(exp(r) - 1 - r) / r²` in r, for |r| <= log(2) / 2."""
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
"""Remainder `lgamma(x) - [(x - 1/2) log x - x + log(2π)/2]` times x in 1/x², for x >= 8."""
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)
"""`(log x - digamma(x) - 1/(2x)) x²` in 1/x², for x >= 8."""

# numba compiles an inlined function with the caller's `fastmath` by default, and PyTensor's functions have it on. The
# compiler would then reorder the rounding by `_ROUNDING` into nothing.
inlined = njit(error_model="numpy", fastmath=False, forceinline=True)
_compiled = kept_njit("models", "inference/likelihood", error_model="numpy", fastmath=False)


@intrinsic
def _bits(typing_context: Any, number: Any) -> Any:
    """Return the bits of a double as an integer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _double(typing_context: Any, number: Any) -> Any:
    """Return the double with the bits of an integer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def _fma(typing_context: Any, factor: Any, other: Any, term: Any) -> Any:
    """Compute `factor * other + term`, rounded once. It stays one instruction under all optimisations."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@inlined
def _polynomial(x: float, coefficients: tuple[float, ...]) -> float:
    """Evaluate a polynomial by Horner's rule. The constant term is the first coefficient."""
    total = coefficients[-1]
    for i in range(len(coefficients) - 2, -1, -1):
        total = _fma(total, x, coefficients[i])
    return total


@inlined
def _split(x: float) -> tuple[float, float]:
    """Return the exponent e and the mantissa m in [sqrt(1/2), sqrt(2)) with x = m 2^e > 0."""
    shifted = _bits(x) - _SQRT_HALF
    exponent = _double((shifted >> 52) + 0x4330000000000400) - (2.0**52 + 1024.0)
    return exponent, _double((shifted & 0xFFFFFFFFFFFFF) + _SQRT_HALF)


@inlined
def log_positive(x: float) -> float:
    """Compute the logarithm of x > 0 by `log(1 + f) = f - (f²/2 - s (f²/2 + s² ...))` with `s = f / (2 + f)`."""
    exponent, mantissa = _split(x)
    f = mantissa - 1.0
    s = f / (2.0 + f)
    half = 0.5 * f * f
    rest = _fma(s * s, _polynomial(s * s, _ATANH), half)
    return exponent * _LOG2_HIGH + (f - (half - _fma(s, rest, exponent * _LOG2_LOW)))


@inlined
def log1p_and_deficit(z: float) -> tuple[float, float]:
    """Compute `log1p(z)` and `(z - log1p(z)) / z²` for z >= 0 (1/2 at 0), without loss of digits."""
    exponent, mantissa = _split(1.0 + z)
    near = exponent == 0.0
    f = z if near else mantissa - 1.0
    by_two = 1.0 / (2.0 + f)
    s = f * by_two
    rest = _polynomial(s * s, _ATANH)
    half = 0.5 * f * f
    log1p = exponent * _LOG2_HIGH + (f - (half - _fma(s, _fma(s * s, rest, half), exponent * _LOG2_LOW)))
    far = (z - log1p) / (z * z)
    return log1p, 0.5 - s * _fma(by_two * by_two, rest, 0.5) if near else far


@inlined
def exp_and_expm1(x: float) -> tuple[float, float]:
    """Compute `exp(x)` and `expm1(x)`. Below -700 they equal those of -700, above 709.5 they are infinite."""
    within = -700.0 if x < -700.0 else x
    exp, expm1 = _exp_and_expm1_within(0.0 if x > 709.5 else within)
    return (np.inf, np.inf) if x > 709.5 else (exp, expm1)


@inlined
def _exp_and_expm1_within(x: float) -> tuple[float, float]:
    """Compute `exp(x)` and `expm1(x)` for x from -700 to 709.5."""
    rounded = _fma(x, 1.4426950408889634, _ROUNDING)
    n = rounded - _ROUNDING
    r = _fma(n, -_LOG2_LOW, _fma(n, -_LOG2_HIGH, x))
    rest = _fma(r * r, _polynomial(r, _EXP), r)
    power = _double((_bits(rounded) << 52) + 0x3FF0000000000000)
    return _fma(power, rest, power), _fma(power, rest, power - 1.0)


@inlined
def _rising_far(k: float, p: float, log_p: float, theta: float) -> tuple[float, float, float]:
    """Compute A(k, p) and its derivatives by p and θ, for `p >= 8 θ >= 0` and k >= 0."""
    grown = _fma(k, theta, p)
    both = 1.0 / (p * grown)
    by_p = both * grown
    # With a = p/θ: z = k/a, y = 1/a, and w = a/(a + k), so that w y = 1/(a + k).
    z, y, w = k * theta * by_p, theta * by_p, both * p * p
    log1p, deficit = log1p_and_deficit(z)
    lost, late = k * deficit, w * y
    remainder = late * _polynomial(late * late, _STIRLING) - y * _polynomial(y * y, _STIRLING)
    value = _fma(k, log_p, _fma(k - 0.5, log1p, remainder - z * lost))
    # a (ψ(a + k) - ψ(a)) - k, and the same divided by θ, which tends to k (1 - k) / (2 p).
    rest = _polynomial(y * y, _DIGAMMA) - w * w * _polynomial(late * late, _DIGAMMA)
    excess = _fma(y, rest, z * _fma(0.5, w, -lost))
    return value, (k + excess) * by_p, -by_p * _fma(k, _fma(0.5, w, -lost), rest)


@inlined
def _rising(k: float, p: float, theta: float) -> tuple[float, float, float]:
    """Compute A(k, p) and its derivatives by p and θ, for k >= 0, p > 0, θ >= 0. A p below 1e-36 counts as 1e-36."""
    p = max(p, _SMALLEST)
    later = p + _SHIFT * theta
    value, by_p, by_theta = _rising_far(k, later, log_positive(later), theta)
    # Products of p + j θ and of p + (k + j) θ, j from 0 to 7, with their derivatives by p and θ.
    low, low_p, low_theta = p, 1.0, 0.0
    high, high_p, high_theta = p + k * theta, 1.0, k
    for j in range(1, _SHIFT):
        factor = p + j * theta
        low_p, low_theta, low = low_p * factor + low, low_theta * factor + j * low, low * factor
        factor = p + (k + j) * theta
        high_p, high_theta, high = high_p * factor + high, high_theta * factor + (k + j) * high, high * factor
    by_low, by_high = 1.0 / low, 1.0 / high
    return (
        value - log_positive(high * by_low),
        by_p - (high_p * by_high - low_p * by_low),
        by_theta + (_SHIFT * by_p - (high_theta * by_high - low_theta * by_low)),
    )


@_compiled
def _probabilities(log_escape: FloatArray, p: FloatArray, q: FloatArray) -> None:
    """Write `1 - exp(log_escape)` to `p` and `exp(log_escape)` to `q`."""
    for i in range(log_escape.size):
        q[i], expm1 = exp_and_expm1(log_escape[i])
        p[i] = -expm1


@_compiled
def _count_below(limit: float, p: FloatArray) -> int:
    """Count numbers below a limit."""
    count = 0
    for i in range(p.size):
        count += p[i] < limit
    return count


@_compiled
def _rising_each(
    k: FloatArray, p: FloatArray, theta: float, value: FloatArray, by_p: FloatArray, by_theta: FloatArray
) -> None:
    """Write A(k, p) and its derivatives to `value`, `by_p` and `by_theta`. All arrays have one shape."""
    if _count_below(max(_SHIFT * theta, _SMALLEST), p) == 0:
        for i in range(k.size):
            value[i], by_p[i], by_theta[i] = _rising_far(k[i], p[i], log_positive(p[i]), theta)
        return
    for i in range(k.size):
        value[i], by_p[i], by_theta[i] = _rising(k[i], p[i], theta)
    for i in range(k.size):
        if k[i] > 0 and p[i] < _SMALLEST:
            value[i] = -np.inf


@_compiled
def _add_non_sharers(
    k: FloatArray,
    n: FloatArray,
    q: FloatArray,
    log_q: FloatArray,
    theta: float,
    value: FloatArray,
    by_escape: FloatArray,
    by_theta: FloatArray,
) -> None:
    """Add A(n - k, q) - A(n, 1) to A(k, p), and replace the derivative by p with the derivative by log q, in place."""
    if _count_below(max(_SHIFT * theta, _SMALLEST), q) == 0:
        for i in range(k.size):
            non_sharers, by_q, non_sharers_by_theta = _rising_far(n[i] - k[i], q[i], log_q[i], theta)
            total, _, total_by_theta = _rising_far(n[i], 1.0, 0.0, theta)
            value[i] += non_sharers - total
            by_escape[i] = q[i] * (by_q - by_escape[i])
            by_theta[i] += non_sharers_by_theta - total_by_theta
        return
    for i in range(k.size):
        non_sharers, by_q, non_sharers_by_theta = _rising(n[i] - k[i], q[i], theta)
        total, _, total_by_theta = _rising(n[i], 1.0, theta)
        value[i] += non_sharers - total
        by_escape[i] = q[i] * (by_q - by_escape[i])
        by_theta[i] += non_sharers_by_theta - total_by_theta
    for i in range(k.size):
        if n[i] > k[i] and q[i] < _SMALLEST:
            value[i] = -np.inf


@_compiled
def _beta_binomial(
    log_escape: FloatArray, dispersion: float, incidence: FloatArray, n_susceptible: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compute log-probabilities without log C(n, k), and their derivatives by `log_escape` and ρ.

    All arrays have one shape.
    """
    theta = dispersion / (1.0 - dispersion)
    n = log_escape.size
    p, q = np.empty(n), np.empty(n)
    value, by_escape, by_theta = np.empty(n), np.empty(n), np.empty(n)
    _probabilities(log_escape, p, q)
    _rising_each(incidence, p, theta, value, by_escape, by_theta)
    _add_non_sharers(incidence, n_susceptible, q, log_escape, theta, value, by_escape, by_theta)
    return value, by_escape, by_theta / (1.0 - dispersion) ** 2


@_compiled
def _negative_binomial(mean: float, dispersion: float, incidence: float) -> tuple[float, float, float]:
    """Compute the log-probability without log k!, and its derivatives by the mean and α."""
    if mean <= 0.0:
        return (0.0, -1.0, 0.0) if incidence == 0 else (-np.inf, 0.0, 0.0)
    z = dispersion * mean
    if z > 1e-3:
        over = math.log1p(z) / z
        slope = (1.0 / (1.0 + z) - over) / z
    else:
        over = 1.0 - z * (1 / 2 - z * (1 / 3 - z * (1 / 4 - z * (1 / 5 - z * (1 / 6)))))
        slope = -1 / 2 + z * (2 / 3 - z * (3 / 4 - z * (4 / 5 - z * (5 / 6))))
    value, by_dispersion = -mean * over, -mean * mean * slope
    if incidence > 0:
        v, _, by_theta = _rising(incidence, 1.0, dispersion)
        value += v + incidence * (math.log(mean) - math.log1p(z))
        by_dispersion += by_theta - incidence * mean / (1.0 + z)
    return value, (incidence - mean) / (mean * (1.0 + z)), by_dispersion


@_compiled
def _normal(mean: float, sd: float, observed: float) -> tuple[float, float, float]:
    """Compute the log-density without log(2π)/2, and its derivatives by the mean and the standard deviation."""
    z = (observed - mean) / sd
    return -0.5 * z * z - math.log(sd), z / sd, (z * z - 1.0) / sd


@_compiled
def _log_density(
    family: int, prediction: FloatArray, dispersion: float, observed: FloatArray, size: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compute each observation's log-density without constants, and its derivatives by prediction and dispersion."""
    if family == BINOMIAL:
        return _beta_binomial(prediction, dispersion, observed, size)
    n = prediction.size
    value, by_prediction, by_dispersion = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        if family == NEGATIVE_BINOMIAL:
            density = _negative_binomial(prediction[i], dispersion, observed[i])
        else:
            density = _normal(prediction[i], dispersion, observed[i])
        value[i], by_prediction[i], by_dispersion[i] = density
    return value, by_prediction, by_dispersion


@_compiled
def _weighted_sum(weight: FloatArray, value: FloatArray) -> float:
    """Sum products. Terms of weight 0 are skipped, because their value may be `-inf`, and 0 times infinity is NaN.

    Four partial sums run in parallel, because each addition waits for the one before it. Their order is fixed here,
    because an order chosen by the compiler would change the rounding.
    """
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    end = value.size - value.size % 4
    for i in range(0, end, 4):
        a += weight[i] * value[i] if weight[i] > 0.0 else 0.0
        b += weight[i + 1] * value[i + 1] if weight[i + 1] > 0.0 else 0.0
        c += weight[i + 2] * value[i + 2] if weight[i + 2] > 0.0 else 0.0
        d += weight[i + 3] * value[i + 3] if weight[i + 3] > 0.0 else 0.0
    for i in range(end, value.size):
        a += weight[i] * value[i] if weight[i] > 0.0 else 0.0
    return (a + b) + (c + d)


@_compiled
def log_likelihood_and_gradient(
    family: int,
    prediction: FloatArray,
    dispersion: float,
    observed: FloatArray,
    size: FloatArray,
    weight: FloatArray,
) -> tuple[float, FloatArray, float]:
    """Compute the log-likelihood without constants, and its gradient.

    Parameters
    ----------
    family : int
        `BINOMIAL`, `NEGATIVE_BINOMIAL` or `NORMAL`.
    prediction : array, shape (n_observations,)
        Log-probability of not sharing in the interval, expected incidence, or expected prevalence.
    dispersion : float
        Intra-class correlation ρ in [0, 1), overdispersion α, or standard deviation.
    observed, size : array, shape (n_observations,)
        Observed values, and susceptible agents at the start of the interval (used by the binomial only).
    weight : array, shape (n_observations,)
        How often each observation counts: 0 leaves it out.

    Returns
    -------
    total : float
        Sum over observations.
    gradient : array, shape (n_observations,)
        Derivative by `prediction`.
    slope : float
        Derivative by `dispersion`.
    """
    # Vector instructions need contiguous arrays, and numba cannot know that a slice of a buffer is contiguous.
    prediction, observed, size = (
        np.ascontiguousarray(prediction),
        np.ascontiguousarray(observed),
        np.ascontiguousarray(size),
    )
    value, by_prediction, by_dispersion = _log_density(family, prediction, dispersion, observed, size)
    weight = np.ascontiguousarray(weight)
    for i in range(prediction.size):
        by_prediction[i] = weight[i] * by_prediction[i] if weight[i] > 0.0 else 0.0
    return _weighted_sum(weight, value), by_prediction, _weighted_sum(weight, by_dispersion)


@_compiled
def log_densities(
    family: int, prediction: FloatArray, dispersion: FloatArray, observed: FloatArray, size: FloatArray
) -> FloatArray:
    """Compute the log-density of each observation under each draw without constants, shape (n_draws, n_observations).

    Arguments are as in :func:`log_likelihood_and_gradient`, but `prediction` and `dispersion` have a first axis of
    draws.
    """
    result = np.empty(prediction.shape)
    for draw in range(prediction.shape[0]):
        result[draw] = _log_density(family, prediction[draw], dispersion[draw], observed, size)[0]
    return result
