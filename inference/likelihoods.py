"""Likelihoods: what each says of an observation, with its gradient, compiled once to disk for sampling and LOO alike.

*Transition* likelihoods (binomial, beta-binomial): given the past, the number of new sharers in an interval is
binomial or beta-binomial in the number of susceptible agents. They take the log-probability of *not* sharing,
`log_escape = log G(Λ1) - log G(Λ0)`, from which both `p = -expm1(log_escape)` and `1 - p` follow without loss.

*Trajectory* likelihoods (negative binomial on incidence, normal on prevalence): the curve of the ODE, solved once from
the start, against the counts at all times. It is what curve fitting does; the residuals depend on each other.

The beta-binomial is parametrised by its intra-class correlation `ρ = 1 / (φ + 1)`; with `θ = ρ / (1 - ρ)`

    log BB(k; n, p, ρ) = log C(n, k) + A(k, p) + A(n - k, 1 - p) - A(n, 1),   A(k, p) = Σ_{j<k} log(p + j θ),

and the negative binomial of mean μ and variance μ + α μ² is, with θ = α in A,

    log NB(k; μ, α) = -log k! + A(k, 1) + k log μ - (k + 1/α) log1p(α μ).

The textbook forms take differences of `lgamma` at `p / θ`, which lose all digits as θ → 0; here the sums are evaluated
by a difference of Stirling series that tends to the binomial and to the Poisson instead.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammaln

from ..models.incidence import draw_incidence
from ..models.parameters import Beta, Exponential, Parameter

FloatArray = NDArray[np.float64]

_STIRLING_FROM = 12.0
"""From here on the Stirling series below are exact to double precision."""
BINOMIAL, NEGATIVE_BINOMIAL, NORMAL = range(3)
"""Families of distributions; the beta-binomial is the binomial with a positive correlation."""


@njit(cache=True, error_model="numpy")
def _stirling(x: float) -> float:
    """Stirling remainder: lgamma(x) - [(x - 1/2) log x - x + log(2π)/2], for x >= 12."""
    y = 1.0 / x
    r = y * y
    return y * (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - r * (691 / 360360))))))


@njit(cache=True, error_model="numpy")
def _log_minus_digamma(x: float) -> float:
    """Log x - digamma(x), for x >= 12."""
    y = 1.0 / x
    r = y * y
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * (691 / 32760))))))
    return 0.5 * y + series


@njit(cache=True, error_model="numpy")
def _digamma(x: float) -> float:
    """Digamma for x > 0, by recurrence up to where the series holds."""
    result = 0.0
    while x < _STIRLING_FROM:
        result -= 1.0 / x
        x += 1.0
    return result + math.log(x) - _log_minus_digamma(x)


@njit(cache=True, error_model="numpy")
def _log1p_minus(z: float) -> float:
    """log(1 + z) - z for z >= 0, accurate for small z too."""
    if z > 0.05:
        return math.log1p(z) - z
    total = 0.0
    for order in range(13, 1, -1):
        total = z * ((-1.0) ** (order + 1) * (1.0 / order) + total)
    return z * total


@njit(cache=True, error_model="numpy")
def _rising(k: float, p: float, log_p: float, theta: float) -> tuple[float, float, float]:
    """A(k, p) = Σ_{j<k} log(p + j θ) with its derivatives by p and θ, for k >= 1, p > 0, θ >= 0."""
    if theta == 0.0:
        return k * log_p, k / p, 0.5 * k * (k - 1.0) / p
    a = p / theta
    if a >= _STIRLING_FROM:
        # log Γ(a + k) - log Γ(a) - k log a, with everything of the order of a cancelled by hand.
        z = k / a
        less = _log1p_minus(z)
        grown = a * less + (k - 0.5) * (less + z) + _stirling(a + k) - _stirling(a)
        value = k * log_p + grown
        # a (ψ(a + k) - ψ(a)) - k
        slope = a * (less + _log_minus_digamma(a) - _log_minus_digamma(a + k))
    else:
        value = math.lgamma(a + k) - math.lgamma(a) + k * math.log(theta)
        slope = a * (_digamma(a + k) - _digamma(a)) - k
    return value, (k + slope) / p, -slope / theta


@njit(cache=True, error_model="numpy")
def _beta_binomial(
    log_escape: float, dispersion: float, incidence: float, n_susceptible: float
) -> tuple[float, float, float]:
    """Log-probability without log C(n, k), and its derivatives by `log_escape` and ρ."""
    theta = dispersion / (1.0 - dispersion)
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
    return value, slope_escape, slope_theta / (1.0 - dispersion) ** 2


@njit(cache=True, error_model="numpy")
def _negative_binomial(mean: float, dispersion: float, incidence: float) -> tuple[float, float, float]:
    """Log-probability without log k!, and its derivatives by the mean and α."""
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
        v, _, by_theta = _rising(incidence, 1.0, 0.0, dispersion)
        value += v + incidence * (math.log(mean) - math.log1p(z))
        by_dispersion += by_theta - incidence * mean / (1.0 + z)
    return value, (incidence - mean) / (mean * (1.0 + z)), by_dispersion


@njit(cache=True, error_model="numpy")
def _normal(mean: float, sd: float, observed: float) -> tuple[float, float, float]:
    """Log-density without log(2π)/2, and its derivatives by the mean and the standard deviation."""
    z = (observed - mean) / sd
    return -0.5 * z * z - math.log(sd), z / sd, (z * z - 1.0) / sd


@njit(cache=True, error_model="numpy")
def _log_density(
    family: int, prediction: float, dispersion: float, observed: float, size: float
) -> tuple[float, float, float]:
    if family == BINOMIAL:
        return _beta_binomial(prediction, dispersion, observed, size)
    if family == NEGATIVE_BINOMIAL:
        return _negative_binomial(prediction, dispersion, observed)
    return _normal(prediction, dispersion, observed)


@njit(cache=True, error_model="numpy")
def log_likelihood_and_gradient(
    family: int,
    prediction: FloatArray,
    dispersion: float,
    observed: FloatArray,
    size: FloatArray,
    weight: FloatArray,
) -> tuple[float, FloatArray, float]:
    """Log-likelihood without constants, and its gradient.

    Parameters
    ----------
    family : int
        `BINOMIAL`, `NEGATIVE_BINOMIAL` or `NORMAL`.
    prediction : array, shape (n_observations,)
        Log-probability of not sharing in the interval, expected incidence, or expected prevalence.
    dispersion : float
        Intra-class correlation ρ in [0, 1), overdispersion α, or standard deviation.
    observed, size : array, shape (n_observations,)
        What was observed, and susceptible agents at the start of the interval (looked at by the binomial only).
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
    total, slope = 0.0, 0.0
    gradient = np.zeros(prediction.size)
    for i in range(prediction.size):
        if weight[i] > 0.0:
            value, by_prediction, by_dispersion = _log_density(family, prediction[i], dispersion, observed[i], size[i])
            total += weight[i] * value
            gradient[i] = weight[i] * by_prediction
            slope += weight[i] * by_dispersion
    return total, gradient, slope


@njit(cache=True, nogil=True, error_model="numpy")
def _pointwise(
    family: int, prediction: FloatArray, dispersion: FloatArray, observed: FloatArray, size: FloatArray
) -> FloatArray:
    result = np.empty(prediction.shape)
    for draw in range(prediction.shape[0]):
        for i in range(prediction.shape[1]):
            result[draw, i] = _log_density(family, prediction[draw, i], dispersion[draw], observed[i], size[i])[0]
    return result


def constants(family: int, observed: FloatArray, size: FloatArray) -> FloatArray:
    """What :func:`log_likelihood_and_gradient` leaves out of each observation, because no parameter changes it."""
    if family == BINOMIAL:
        return np.asarray(gammaln(size + 1) - gammaln(observed + 1) - gammaln(size - observed + 1))
    if family == NEGATIVE_BINOMIAL:
        return np.asarray(-gammaln(observed + 1))
    return np.full(observed.shape, -0.5 * math.log(2 * math.pi))


def pointwise_log_likelihood(
    family: int, prediction: FloatArray, dispersion: FloatArray, observed: NDArray[Any], size: NDArray[Any]
) -> FloatArray:
    """Log-density of each observation under each draw, constants included.

    Parameters
    ----------
    family : int
        `BINOMIAL`, `NEGATIVE_BINOMIAL` or `NORMAL`.
    prediction : array, shape (n_draws, n_observations)
        As in :func:`log_likelihood_and_gradient`.
    dispersion : array, shape (n_draws,)
        As in :func:`log_likelihood_and_gradient`.
    observed, size : array, shape (n_observations,)
        As in :func:`log_likelihood_and_gradient`.
    """
    k, n = np.asarray(observed, dtype=float), np.asarray(size, dtype=float)
    n_parts = min(os.cpu_count() or 1, prediction.shape[0])
    parts = zip(np.array_split(prediction, n_parts), np.array_split(dispersion, n_parts), strict=True)
    with ThreadPoolExecutor(n_parts) as pool:
        done = pool.map(lambda part: _pointwise(family, np.ascontiguousarray(part[0]), part[1], k, n), parts)
        return np.concatenate(list(done)) + constants(family, k, n)


def draw_observations(
    family: int, prediction: FloatArray, dispersion: FloatArray, size: NDArray[Any], rng: np.random.Generator
) -> NDArray[Any]:
    """Draw what could have been observed, one for each prediction.

    Parameters
    ----------
    family, prediction, dispersion, size
        As in :func:`pointwise_log_likelihood`.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array, shape (n_draws, n_observations)
        Counts of new sharers, or, of the normal family, prevalences.
    """
    spread = dispersion[:, None]
    if family == BINOMIAL:
        return draw_incidence(size, -np.expm1(prediction), spread, rng).astype(np.int32)
    if family == NEGATIVE_BINOMIAL:
        # Gamma-distributed means; below this α they do not differ from their mean.
        shape = 1.0 / np.maximum(spread, 1e-9)
        return rng.poisson(np.maximum(prediction, 0.0) * rng.gamma(shape, 1.0 / shape, prediction.shape)).astype(
            np.int32
        )
    return rng.normal(prediction, spread)


@dataclass(frozen=True)
class Likelihood:
    """A likelihood.

    Parameters
    ----------
    name : str
        Name on the command line and in results.
    kind : {"transition", "trajectory"}
        Each increment given the past, or the whole curve from its start.
    family : int
        `BINOMIAL`, `NEGATIVE_BINOMIAL` or `NORMAL`.
    observed : {"incidence", "prevalence"}
        What it is a distribution of.
    dispersion : Parameter or None
        Specification of the dispersion; None where it is fixed at 0.
    """

    name: str
    kind: Literal["transition", "trajectory"]
    family: int
    observed: Literal["incidence", "prevalence"]
    dispersion: Parameter | None


LIKELIHOODS = {
    likelihood.name: likelihood
    for likelihood in (
        Likelihood(
            "beta-binomial",
            "transition",
            BINOMIAL,
            "incidence",
            # ρ = 0.01 lets the probability of sharing in a round vary by 30% around 0.1: already much.
            Parameter("correlation of agents within an interval; 0 is binomial", "", (0.0, 1.0), Beta(1.0, 100.0), "ρ"),
        ),
        Likelihood("binomial", "transition", BINOMIAL, "incidence", None),
        Likelihood(
            "negative-binomial",
            "trajectory",
            NEGATIVE_BINOMIAL,
            "incidence",
            Parameter(
                "overdispersion of the incidence around the curve; 0 is Poisson",
                "",
                (0.0, math.inf),
                Exponential(1.0),
                "α",
            ),
        ),
        Likelihood(
            "normal",
            "trajectory",
            NORMAL,
            "prevalence",
            Parameter(
                "standard deviation of the prevalence around the curve", "", (0.0, math.inf), Exponential(0.1), "σ"
            ),
        ),
    )
}
"""Likelihoods by name; the first is the default."""
