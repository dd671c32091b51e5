"""Likelihoods of incidence: compiled once to disk, with their gradient, and used for sampling and LOO alike.

Given the past, the number of new sharers in an interval is binomial or beta-binomial in the number of susceptible
agents. Every function takes the log-probability of *not* sharing, `log_escape = log G(Λ1) - log G(Λ0)`, from which
both `p = -expm1(log_escape)` and `1 - p` follow without loss.

The beta-binomial is parametrised by its intra-class correlation `ρ = 1 / (φ + 1)`; with `θ = ρ / (1 - ρ)`

    log BB(k; n, p, ρ) = log C(n, k) + A(k, p) + A(n - k, 1 - p) - A(n, 1),   A(k, p) = Σ_{j<k} log(p + j θ).

The textbook form takes differences of `lgamma` at `p / θ`, which lose all digits as ρ → 0; here the sums are evaluated
by a difference of Stirling series that tends to the binomial instead.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammaln

from ..models.parameters import Beta, Parameter

FloatArray = NDArray[np.float64]

_STIRLING_FROM = 12.0
"""From here on the Stirling series below are exact to double precision."""


@njit(cache=True)
def _stirling(x: float) -> float:
    """Stirling remainder: lgamma(x) - [(x - 1/2) log x - x + log(2π)/2], for x >= 12."""
    r = 1.0 / (x * x)
    return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - r * 691 / 360360))))) / x


@njit(cache=True)
def _log_minus_digamma(x: float) -> float:
    """Log x - digamma(x), for x >= 12."""
    r = 1.0 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * 691 / 32760)))))
    return 0.5 / x + series


@njit(cache=True)
def _digamma(x: float) -> float:
    """Digamma for x > 0, by recurrence up to where the series holds."""
    result = 0.0
    while x < _STIRLING_FROM:
        result -= 1.0 / x
        x += 1.0
    return result + math.log(x) - _log_minus_digamma(x)


@njit(cache=True)
def _log1p_minus(z: float) -> float:
    """log(1 + z) - z for z >= 0, accurate for small z too."""
    if z > 0.05:
        return math.log1p(z) - z
    total = 0.0
    power = z
    for order in range(2, 14):
        power *= -z
        total += power / order
    return total


@njit(cache=True)
def _rising(k: float, p: float, log_p: float, theta: float) -> tuple[float, float, float]:
    """A(k, p) = Σ_{j<k} log(p + j θ) with its derivatives by p and θ, for k >= 1, p > 0, θ >= 0."""
    if theta == 0.0:
        return k * log_p, k / p, 0.5 * k * (k - 1.0) / p
    a = p / theta
    if a >= _STIRLING_FROM:
        # log Γ(a + k) - log Γ(a) - k log a, with everything of the order of a cancelled by hand.
        z = k / a
        grown = a * _log1p_minus(z) + (k - 0.5) * math.log1p(z) + _stirling(a + k) - _stirling(a)
        value = k * log_p + grown
        # a (ψ(a + k) - ψ(a)) - k
        slope = a * (_log1p_minus(z) + _log_minus_digamma(a) - _log_minus_digamma(a + k))
    else:
        value = math.lgamma(a + k) - math.lgamma(a) + k * math.log(theta)
        slope = a * (_digamma(a + k) - _digamma(a)) - k
    return value, (k + slope) / p, -slope / theta


@njit(cache=True)
def _beta_binomial(
    log_escape: float, theta: float, incidence: float, n_susceptible: float
) -> tuple[float, float, float]:
    """Log-probability without log C(n, k), and its derivatives by `log_escape` and θ."""
    q = math.exp(log_escape)
    p = -math.expm1(log_escape)
    escaped = n_susceptible - incidence
    if (incidence > 0 and p <= 0.0) or (escaped > 0 and q <= 0.0):
        return -np.inf, 0.0, 0.0
    value, _, slope_theta = _rising(n_susceptible, 1.0, 0.0, theta)
    value, slope_escape, slope_theta = -value, 0.0, -slope_theta
    if incidence > 0:
        v, by_p, by_theta = _rising(incidence, p, math.log(p), theta)
        value += v
        slope_escape -= q * by_p
        slope_theta += by_theta
    if escaped > 0:
        v, by_q, by_theta = _rising(escaped, q, log_escape, theta)
        value += v
        slope_escape += q * by_q
        slope_theta += by_theta
    return value, slope_escape, slope_theta


@njit(cache=True)
def log_likelihood_and_gradient(
    log_escape: FloatArray, dispersion: float, incidence: FloatArray, n_susceptible: FloatArray
) -> tuple[float, FloatArray, float]:
    """Log-likelihood without constants, and its gradient.

    Parameters
    ----------
    log_escape : array, shape (n_observations,)
        Log-probability of not sharing in the interval, at most 0.
    dispersion : float
        Intra-class correlation ρ in [0, 1); 0 is binomial.
    incidence, n_susceptible : array, shape (n_observations,)
        New sharers, and susceptible agents at the start of the interval.

    Returns
    -------
    total : float
        Sum over observations, without `log C(n, k)`.
    gradient : array, shape (n_observations,)
        Derivative by `log_escape`.
    slope : float
        Derivative by `dispersion`.
    """
    theta = dispersion / (1.0 - dispersion)
    total, slope = 0.0, 0.0
    gradient = np.empty(log_escape.size)
    for i in range(log_escape.size):
        value, by_escape, by_theta = _beta_binomial(log_escape[i], theta, incidence[i], n_susceptible[i])
        total += value
        gradient[i] = by_escape
        slope += by_theta
    return total, gradient, slope / (1.0 - dispersion) ** 2


@njit(cache=True, nogil=True)
def _pointwise(
    log_escape: FloatArray, dispersion: FloatArray, incidence: FloatArray, n_susceptible: FloatArray
) -> FloatArray:
    result = np.empty(log_escape.shape)
    for draw in range(log_escape.shape[0]):
        theta = dispersion[draw] / (1.0 - dispersion[draw])
        for i in range(log_escape.shape[1]):
            result[draw, i] = _beta_binomial(log_escape[draw, i], theta, incidence[i], n_susceptible[i])[0]
    return result


def pointwise_log_likelihood(
    log_escape: FloatArray, dispersion: FloatArray, incidence: NDArray[Any], n_susceptible: NDArray[Any]
) -> FloatArray:
    """Log-probability of each observation under each draw, constants included.

    Parameters
    ----------
    log_escape : array, shape (n_draws, n_observations)
        Log-probability of not sharing in the interval.
    dispersion : array, shape (n_draws,)
        Intra-class correlation ρ in [0, 1); 0 is binomial.
    incidence, n_susceptible : array, shape (n_observations,)
        New sharers, and susceptible agents at the start of the interval.
    """
    k, n = np.asarray(incidence, dtype=float), np.asarray(n_susceptible, dtype=float)
    log_choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    result: FloatArray = _pointwise(np.ascontiguousarray(log_escape), dispersion, k, n)
    return result + log_choose


@dataclass(frozen=True)
class Likelihood:
    """A likelihood of incidence.

    Parameters
    ----------
    name : str
        Name on the command line and in results.
    dispersion : Parameter or None
        Specification of the intra-class correlation ρ; None where it is fixed at 0.
    """

    name: str
    dispersion: Parameter | None


# ρ = 0.01 lets the probability of sharing in a round vary by 30% around 0.1: already much. The mode is at 0.
_DISPERSION = Parameter(
    "intra-class correlation of agents within a round; 0 is binomial",
    unit="",
    support=(0.0, 1.0),
    prior=Beta(1.0, 100.0),
)

LIKELIHOODS = {
    "beta-binomial": Likelihood("beta-binomial", _DISPERSION),
    "binomial": Likelihood("binomial", None),
}
"""Likelihoods by name; the first is the default."""
