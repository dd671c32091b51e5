"""Likelihoods: what each says of an observation.

*Transition* likelihoods (binomial, beta-binomial): given the past, the number of new sharers in an interval is
binomial or beta-binomial in the number of susceptible agents. They take the log-probability of *not* sharing,
`log_escape = log G(Λ1) - log G(Λ0)`, from which both `p = -expm1(log_escape)` and `1 - p` follow without loss.

*Trajectory* likelihoods (negative binomial on incidence, normal on prevalence): the curve of the ODE, solved once from
the start, against the counts at all times. It is what curve fitting does; the residuals depend on each other.

The beta-binomial is parametrised by its intra-class correlation `ρ = 1 / (φ + 1)`; with `θ = ρ / (1 - ρ)`

    log BB(k; n, p, ρ) = log C(n, k) + A(k, p) + A(n - k, 1 - p) - A(n, 1),   A(k, p) = Σ_{j<k} log(p + j θ),

and the negative binomial of mean μ and variance μ + α μ² is, with θ = α in A,

    log NB(k; μ, α) = -log k! + A(k, 1) + k log μ - (k + 1/α) log1p(α μ).

As θ → 0 they tend to the binomial and to the Poisson. :mod:`tworate.inference.likelihood.density_kernels` says how no
digits are lost.
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
"""Draws worked out at a time: what lies between fits into a processor's own memory."""


def constants(family: int, observed: FloatArray, size: FloatArray) -> FloatArray:
    """What the kernels leave out of the log-density of each observation, because no parameter changes it."""
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
        Log-probability of not sharing in the interval, expected incidence, or expected prevalence.
    dispersion : array, shape (n_draws,)
        Intra-class correlation ρ in [0, 1), overdispersion α, or standard deviation.
    observed, size : array, shape (n_observations,)
        What was observed, and susceptible agents at the start of the interval (looked at by the binomial only).
    """
    k, n = np.asarray(observed, dtype=float), np.asarray(size, dtype=float)
    constant, found = constants(family, k, n), np.empty(prediction.shape)

    def work_out(start: int) -> None:
        rows = slice(start, start + _ROWS)
        densities = log_densities(family, np.ascontiguousarray(prediction[rows]), dispersion[rows], k, n)
        np.add(densities, constant, out=found[rows])

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        # A list, so that errors are raised here.
        list(pool.map(work_out, range(0, len(prediction), _ROWS)))
    return found


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
