"""Coordinates in which every condition is close to standard normal, however informative its data are.

Let θ be the quantities of a condition with prior `N(μ, diag τ²)`, and let its log-likelihood be approximately
`b'θ - θ'Λθ/2` (see :mod:`tworate.inference.hierarchical.approximation`). Then θ given μ and τ is approximately normal
with precision `Λ + diag τ⁻²`. With the lower Cholesky factor `R` of `M = 1 + diag τ Λ diag τ`, and `u` the deviation in
units of τ,

    θ = μ + τ u,    u = R⁻ᵀ (ζ + R⁻¹ τ (b - Λμ)),    log |dθ/dζ| = Σ log τ - Σ log R_ii,

ζ is approximately standard normal. Without information in the data, Λ = 0, this is the usual non-centred form. With
very informative data, ζ is θ in units of its standard deviation given the data. The transformation is exact for any Λ
and b: they affect only the efficiency of the sampler. The sum of log-prior and log-Jacobian is `-u'u/2 - Σ log R_ii`,
without a division by τ.

The functions are compiled and the gradient is written by hand, because PyTensor takes a minute to compile so many small
steps.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ...common.compiled import njit

FloatArray = NDArray[np.float64]

_compiled = njit("inference/hierarchical", error_model="numpy", fastmath=False)
_LOG_2PI = math.log(2.0 * math.pi)


@_compiled
def _factor(sd: FloatArray, precision: FloatArray, lower: FloatArray) -> None:
    """Write R."""
    n = sd.size
    for j in range(n):
        for i in range(j, n):
            value = sd[i] * precision[i, j] * sd[j] + (1.0 if i == j else 0.0)
            for k in range(j):
                value -= lower[i, k] * lower[j, k]
            lower[i, j] = math.sqrt(value) if i == j else value / lower[j, j]


@_compiled
def _solve(lower: FloatArray, values: FloatArray) -> None:
    """Overwrite values with `R⁻¹ values`."""
    for i in range(values.size):
        for k in range(i):
            values[i] -= lower[i, k] * values[k]
        values[i] /= lower[i, i]


@_compiled
def _solve_transposed(lower: FloatArray, values: FloatArray) -> None:
    """Overwrite values with `R⁻ᵀ values`."""
    for i in range(values.size - 1, -1, -1):
        for k in range(i + 1, values.size):
            values[i] -= lower[k, i] * values[k]
        values[i] /= lower[i, i]


@_compiled
def _shift(
    mean: FloatArray, sd: FloatArray, precision: FloatArray, information: FloatArray, lower: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """`b - Λμ`, and `R⁻¹ τ (b - Λμ)`."""
    slope, shift = np.empty(sd.size), np.empty(sd.size)
    for i in range(sd.size):
        value = information[i]
        for k in range(sd.size):
            value -= precision[i, k] * mean[k]
        slope[i], shift[i] = value, sd[i] * value
    _solve(lower, shift)
    return slope, shift


@_compiled
def outward(
    coordinates: FloatArray, mean: FloatArray, sd: FloatArray, precision: FloatArray, information: FloatArray
) -> tuple[FloatArray, float]:
    """Compute θ from ζ, with the log-prior of θ plus the log-Jacobian.

    Parameters
    ----------
    coordinates, mean : array, shape (n_conditions, n_quantities)
        ζ and μ.
    sd : array, shape (n_quantities,)
        τ.
    precision : array, shape (n_conditions, n_quantities, n_quantities)
        Λ.
    information : array, shape (n_conditions, n_quantities)
        b.

    Returns
    -------
    theta : array, shape (n_conditions, n_quantities)
    log_density : float
        `Σ log N(θ; μ, diag τ²) + log |dθ/dζ|`, over the conditions.
    """
    theta, lower = np.empty(mean.shape), np.empty((sd.size, sd.size))
    log_density = -0.5 * _LOG_2PI * mean.size
    for c in range(mean.shape[0]):
        _factor(sd, precision[c], lower)
        _, u = _shift(mean[c], sd, precision[c], information[c], lower)
        for i in range(sd.size):
            u[i] += coordinates[c, i]
        _solve_transposed(lower, u)
        for i in range(sd.size):
            log_density -= 0.5 * u[i] * u[i] + math.log(lower[i, i])
            theta[c, i] = mean[c, i] + sd[i] * u[i]
    return theta, log_density


@_compiled
def inward(
    theta: FloatArray, mean: FloatArray, sd: FloatArray, precision: FloatArray, information: FloatArray
) -> FloatArray:
    """Compute ζ from θ: the inverse of :func:`outward`."""
    coordinates, lower = np.empty(mean.shape), np.empty((sd.size, sd.size))
    for c in range(mean.shape[0]):
        _factor(sd, precision[c], lower)
        _, shift = _shift(mean[c], sd, precision[c], information[c], lower)
        for i in range(sd.size):
            value = -shift[i]
            for k in range(i, sd.size):
                value += lower[k, i] * (theta[c, k] - mean[c, k]) / sd[k]
            coordinates[c, i] = value
    return coordinates


@_compiled
def outward_gradient(
    coordinates: FloatArray,
    mean: FloatArray,
    sd: FloatArray,
    precision: FloatArray,
    information: FloatArray,
    by_theta: FloatArray,
    by_log_density: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compute derivatives by ζ, μ and τ of a function, from its derivatives by the results of :func:`outward`.

    Notes
    -----
    Reverse-mode differentiation. Let `g` be the derivative by u and `v = R⁻¹ τ (b - Λμ)`. The derivative by ζ is
    `y = R⁻¹ g`, and the derivative by `τ (b - Λμ)` is `s = R⁻ᵀ y`. The derivative by R, `R̄`, is `-u y' - s v'`, with
    `-1/R_ii` added on the diagonal. The derivative by M is `R⁻ᵀ Φ(R' R̄) R⁻¹`, where Φ keeps the lower triangle and half
    of the diagonal (Murray 2016, arXiv:1602.07527).
    """
    n = sd.size
    by_coordinates, by_mean, by_sd = np.empty(mean.shape), by_theta.copy(), np.zeros(n)
    lower, by_lower, inner, turned = np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.empty((n, n))
    for c in range(mean.shape[0]):
        _factor(sd, precision[c], lower)
        slope, v = _shift(mean[c], sd, precision[c], information[c], lower)
        u, y = np.empty(n), np.empty(n)
        for i in range(n):
            u[i] = v[i] + coordinates[c, i]
        _solve_transposed(lower, u)
        for i in range(n):
            y[i] = sd[i] * by_theta[c, i] - by_log_density * u[i]
        _solve(lower, y)
        s = y.copy()
        _solve_transposed(lower, s)
        for i in range(n):
            by_coordinates[c, i] = y[i]
            by_sd[i] += by_theta[c, i] * u[i] + s[i] * slope[i]
            for k in range(n):
                by_mean[c, k] -= precision[c, i, k] * sd[i] * s[i]
        for i in range(n):
            for j in range(i + 1):
                by_lower[i, j] = -u[i] * y[j] - s[i] * v[j]
            by_lower[i, i] -= by_log_density / lower[i, i]
        # Compute Φ(R' R̄), then multiply R⁻ᵀ with its columns and with its rows.
        for i in range(n):
            for j in range(n):
                inner[j, i] = 0.0
                for k in range(i, n if j <= i else i):
                    inner[j, i] += lower[k, i] * by_lower[k, j]
            inner[i, i] *= 0.5
        # The rows of `inner` are now the columns of Φ.
        for j in range(n):
            _solve_transposed(lower, inner[j])
        for i in range(n):
            for j in range(n):
                turned[i, j] = inner[j, i]
            _solve_transposed(lower, turned[i])
        for i in range(n):
            for j in range(n):
                by_sd[i] += (turned[i, j] + turned[j, i]) * precision[c, i, j] * sd[j]
    return by_coordinates, by_mean, by_sd


@_compiled
def _means(intercept, coefficients, design):  # type: ignore[no-untyped-def]
    mean = np.empty((design.shape[0], intercept.size))
    for c in range(design.shape[0]):
        for q in range(intercept.size):
            mean[c, q] = intercept[q]
            for p in range(design.shape[1]):
                mean[c, q] += design[c, p] * coefficients[p, q]
    return mean


@_compiled
def conditions_at(  # type: ignore[no-untyped-def]
    coordinates, intercept, coefficients, sd, design, precision, information
):
    """Apply :func:`outward` with means from intercepts and coefficients. θ has the quantities as rows."""
    theta, log_density = outward(
        np.ascontiguousarray(coordinates),
        _means(intercept, coefficients, design),
        np.ascontiguousarray(sd),
        np.ascontiguousarray(precision),
        np.ascontiguousarray(information),
    )
    return np.ascontiguousarray(theta.T), log_density


@_compiled
def conditions_gradient(  # type: ignore[no-untyped-def]
    coordinates, intercept, coefficients, sd, design, precision, information, by_theta, by_log_density
):
    """Compute derivatives by coordinates, intercepts, coefficients and τ, from those by :func:`conditions_at`."""
    by_coordinates, by_mean, by_sd = outward_gradient(
        np.ascontiguousarray(coordinates),
        _means(intercept, coefficients, design),
        np.ascontiguousarray(sd),
        np.ascontiguousarray(precision),
        np.ascontiguousarray(information),
        np.ascontiguousarray(by_theta.T),
        by_log_density,
    )
    by_intercept, by_coefficients = np.zeros(intercept.size), np.zeros(coefficients.shape)
    for c in range(design.shape[0]):
        for q in range(intercept.size):
            by_intercept[q] += by_mean[c, q]
            for p in range(design.shape[1]):
                by_coefficients[p, q] += design[c, p] * by_mean[c, q]
    return by_coordinates, by_intercept, by_coefficients, by_sd
