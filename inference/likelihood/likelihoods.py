"""Likelihoods: the distribution of an observation given the prediction.

*Transition* likelihoods (binomial, beta-binomial): given the past, the number of new sharers in an interval is
binomial or beta-binomial in the number of susceptible agents. They use the log-probability of *not* sharing,
`log_escape = log G(Λ1) - log G(Λ0)`. Both `p = -expm1(log_escape)` and `1 - p` follow from it without loss of digits.

*Trajectory* likelihoods (negative binomial on incidence, normal on prevalence): the curve of the ODE, solved once from
the start, is compared with the counts at all times, as in curve fitting. The residuals depend on each other.

The beta-binomial is parametrised by its intra-class correlation `ρ = 1 / (φ + 1)`. With `θ = ρ / (1 - ρ)`

    log BB(k; n, p, ρ) = log C(n, k) + A(k, p) + A(n - k, 1 - p) - A(n, 1),   A(k, p) = Σ_{j<k} log(p + j θ),

and the negative binomial of mean μ and variance μ + α μ², with θ = α in A, is

    log NB(k; μ, α) = -log k! + A(k, 1) + k log μ - (k + 1/α) log1p(α μ).

They tend to the binomial and to the Poisson as θ → 0. :mod:`tworate.inference.likelihood.density_kernels` explains how
the computation avoids loss of digits.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ...models.incidence import draw_incidence
from ...models.parameters import Beta, Exponential, Parameter
from .density_kernels import BINOMIAL, NEGATIVE_BINOMIAL, NORMAL, log_densities

FloatArray = NDArray[np.float64]

_ROWS = 100
"""Number of draws computed together. Intermediate arrays of this size fit into the processor's cache."""


def constants(family: int, observed: FloatArray, size: FloatArray) -> FloatArray:
    """Return the terms of the log-density that do not depend on parameters, which the kernels omit."""
    if family == BINOMIAL:
        return np.asarray(gammaln(size + 1) - gammaln(observed + 1) - gammaln(size - observed + 1))
    if family == NEGATIVE_BINOMIAL:
        return np.asarray(-gammaln(observed + 1))
    return np.full(observed.shape, -0.5 * math.log(2 * math.pi))


def pointwise_log_likelihood(
    family: int, prediction: FloatArray, dispersion: FloatArray, observed: NDArray[Any], size: NDArray[Any]
) -> FloatArray:
    """Compute the log-density of each observation under each draw, constants included.

    Parameters
    ----------
    family : int
        `BINOMIAL`, `NEGATIVE_BINOMIAL` or `NORMAL`.
    prediction : array, shape (n_draws, n_observations)
        Log-probability of not sharing in the interval, expected incidence, or expected prevalence.
    dispersion : array, shape (n_draws,)
        Intra-class correlation ρ in [0, 1), overdispersion α, or standard deviation.
    observed, size : array, shape (n_observations,)
        Observed values, and susceptible agents at the start of the interval (used by the binomial only).
    """
    k, n = np.asarray(observed, dtype=float), np.asarray(size, dtype=float)
    constant, log_density = constants(family, k, n), np.empty(prediction.shape)

    def compute_block(start: int) -> None:
        rows = slice(start, start + _ROWS)
        densities = log_densities(family, np.ascontiguousarray(prediction[rows]), dispersion[rows], k, n)
        np.add(densities, constant, out=log_density[rows])

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        # list() waits for all blocks and raises their errors.
        list(pool.map(compute_block, range(0, len(prediction), _ROWS)))
    return log_density


def draw_observations(
    family: int, prediction: FloatArray, dispersion: FloatArray, size: NDArray[Any], rng: np.random.Generator
) -> NDArray[Any]:
    """Draw one random observation for each prediction.

    Parameters
    ----------
    family, prediction, dispersion, size
        As in :func:`pointwise_log_likelihood`.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array, shape (n_draws, n_observations)
        Counts of new sharers, or prevalences for the normal family.
    """
    spread = dispersion[:, None]
    if family == BINOMIAL:
        return draw_incidence(size, -np.expm1(prediction), spread, rng).astype(np.int32)
    if family == NEGATIVE_BINOMIAL:
        # The means are gamma-distributed. Below α = 1e-9 they hardly vary.
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
        Transition: each increment given the past. Trajectory: the whole curve from its start.
    family : int
        `BINOMIAL`, `NEGATIVE_BINOMIAL` or `NORMAL`.
    observed : {"incidence", "prevalence"}
        The quantity that it is a distribution of.
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
            # With ρ = 0.01 the probability of sharing in a round varies by 30% around 0.1, which is already much.
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
