"""Leave-one-condition-out: the predictive density of a condition, with its own quantities integrated out.

The quantities θ of an omitted condition are unknown, so its likelihood under a draw is

    ∫ L(θ, ρ) N(θ; μ, diag τ²) dθ

with μ, τ and the dispersion ρ of the draw. Weights by the likelihood at the θ of each draw would be far too variable.
The integral equals that of the Gaussian approximation Q of L, which has a closed form, times the mean of L/Q. That
ratio is near 1, so importance sampling estimates its mean to a few digits with some thousand points. All draws share
the points.
"""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from ..likelihood.specification import DISPERSION
from ..loo.loo import Elpd, log_mean_exp
from ..loo.psis import leave_one_out
from ..posterior.arviz_adapter import Posterior, group, mean_efficiency
from ..posterior.fitting import dispersion_of
from .condition_observations import ConditionLikelihood
from .hierarchical_data import SD_BETWEEN, HierarchicalData

FloatArray = NDArray[np.float64]

_DRAWS = 1000
"""Number of draws that are weighted. More draws add little information."""
_POINTS = 500
_MAX_POINTS = 16_000
_ENOUGH = 50.0
"""The number of points is doubled while their effective number in an integral is below this."""
_CENTRES = 200
"""Number of draws whose conditional distributions are mixed to draw the points."""
_DEGREES, _WIDER = 7.0, 1.2
"""Points have Student's t distribution, somewhat wider than the approximation, to reach the likelihood's tails."""
_DISPERSION_NODES = 5
"""The log-likelihood of a point is interpolated by a polynomial in log(1 + ρ n) over the posterior's range of ρ."""
_ROWS = 250


class Population:
    """Draws of the parameters that all conditions share, in the study's own units.

    Parameters
    ----------
    study : HierarchicalData
        The study.
    posterior : Posterior
        A fit of it.
    most : int
        Number of draws to keep, evenly spaced.
    """

    def __init__(self, study: HierarchicalData, posterior: Posterior, most: int = _DRAWS) -> None:
        draws = group(posterior, "posterior")
        total = draws.sizes["chain"] * draws.sizes["draw"]
        selected = np.linspace(0, total - 1, min(most, total)).astype(int)

        def joined(name: str, *dims: str) -> FloatArray:
            values = draws[name].transpose("chain", "draw", *dims).to_numpy()
            return values.reshape(total, *values.shape[2:])[selected]

        window = np.log(study.observations.data.window)
        per_window = np.array([window if quantity.is_rate else 0.0 for quantity in study.quantities])
        self.intercept = joined("intercept", "quantity") + per_window
        self.effect = joined("effect", "term_level", "quantity")
        self.sd = joined(SD_BETWEEN, "quantity")
        self.dispersion = dispersion_of(draws)[selected]
        self.most_susceptible = int(study.observations.data.n_susceptible.max())

    def means(self, values: FloatArray) -> FloatArray:
        """Return μ of a condition with these values of the terms, shape (n_draws, n_quantities)."""
        return self.intercept + np.einsum("l,slq->sq", values, self.effect)


def leave_conditions_out(
    study: HierarchicalData,
    posterior: Posterior,
    *,
    seed: int,
    refitted: Callable[[int], Posterior | None] | None = None,
    most: int = 0,
) -> Elpd:
    """Estimate the expected log predictive density of a condition that was not simulated, by PSIS over conditions.

    Parameters
    ----------
    study : HierarchicalData
        The study.
    posterior : Posterior
        A fit of it.
    seed : int
        Seed of the points at which integrals are evaluated.
    refitted : callable, optional
        Takes the number of a condition and fits the study without it. Returns None if that fit cannot be trusted.
    most : int
        At most this many conditions with a high Pareto k are refitted, the worst first.

    Returns
    -------
    Elpd
        One unit per condition, in their order.
    """
    values = condition_log_likelihood(study, Population(study, posterior), seed=seed)
    draws = group(posterior, "posterior")
    common = draws[[name for name in ("intercept", "effect", SD_BETWEEN, DISPERSION) if name in draws]]
    left_out = leave_one_out(values, efficiency=min(1.0, mean_efficiency(common)))
    elpd = Elpd(left_out.elpd, left_out.pareto_k, left_out.good_k, p_loo=float((left_out.lpd - left_out.elpd).sum()))

    def exact(number: int) -> float | None:
        again = refitted(number) if refitted else None
        return None if again is None else exact_density(study, again, number, seed=seed)

    return elpd.refitted(elpd.high_k_units[:most], exact)


def exact_density(study: HierarchicalData, without: Posterior, number: int, *, seed: int) -> float:
    """Return the log predictive density of a condition, by a fit that has not seen it."""
    values = condition_log_likelihood(study, Population(study, without), seed=seed, which=[number])[:, 0]
    return log_mean_exp(values)


def condition_log_likelihood(
    study: HierarchicalData, population: Population, *, seed: int, which: Any = None
) -> FloatArray:
    """Return the log-likelihood of whole conditions under draws of the population, constants included.

    Parameters
    ----------
    study : HierarchicalData
        The study.
    population : Population
        The draws.
    seed : int
        Seed; condition c draws its points from (seed, c).
    which : sequence of int, optional
        Numbers of the conditions; by default all.

    Returns
    -------
    array, shape (n_draws, n_conditions)
    """
    data = list(study.observations.each())
    effect_values = study.design.effect_values
    numbers = range(len(data)) if which is None else which

    def log_likelihood(number: int) -> FloatArray:
        likelihood = ConditionLikelihood(study.specification, data[number])
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        approximation = study.approximation
        gaussian = (
            approximation.precision[number],
            approximation.information[number],
            float(approximation.constant[number]),
        )
        n_points = _POINTS
        while True:
            values, effective = _integrals(
                likelihood, population.means(effect_values[number]), population, gaussian, n_points, rng
            )
            if np.quantile(effective, 0.05) >= _ENOUGH or n_points >= _MAX_POINTS:
                return values
            n_points *= 2

    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(log_likelihood, numbers)), axis=1)


def _integrals(
    likelihood: ConditionLikelihood,
    mean: FloatArray,
    population: Population,
    gaussian: tuple[FloatArray, FloatArray, float],
    n_points: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return the logarithm of the integral under each draw, and its effective number of points."""
    precision, information, constant = gaussian
    weight, n = population.sd**-2.0, mean.shape[1]
    posterior_precision = precision + np.einsum("sq,qr->sqr", weight, np.eye(n))
    slope = information + weight * mean
    variance = np.linalg.inv(posterior_precision)
    centre = np.einsum("sqr,sr->sq", variance, slope)
    log_gaussian = constant + 0.5 * (
        (slope * centre).sum(axis=1)
        - (weight * mean**2).sum(axis=1)
        - np.linalg.slogdet(posterior_precision)[1]
        + np.log(weight).sum(axis=1)
    )
    chosen = np.linspace(0, len(mean) - 1, min(_CENTRES, len(mean))).astype(int)
    points, log_density = _points(centre[chosen], variance[chosen], n_points, rng)
    log_q = constant + points @ information - 0.5 * np.einsum("kq,qr,kr->k", points, precision, points)
    nodes, share = _over_dispersion(population.dispersion, population.most_susceptible)
    log_l = np.array([likelihood(points, np.full(n_points, node)) for node in nodes])
    features = np.hstack([-0.5 * points**2, points, np.ones((n_points, 1))])
    log_integrals, effective = np.empty(len(mean)), np.empty(len(mean))
    for start in range(0, len(mean), _ROWS):
        rows = slice(start, start + _ROWS)
        log_normal = np.hstack([weight[rows], weight[rows] * mean[rows], np.zeros((len(mean[rows]), 1))]) @ features.T
        # Factors that all points share cancel in the ratio.
        above = log_normal + share[rows] @ log_l - log_density
        below = log_normal + log_q - log_density
        greatest = above.max(axis=1, keepdims=True)
        terms = np.exp(above - greatest)
        total = terms.sum(axis=1)
        log_integrals[rows] = log_gaussian[rows] + np.log(total) + greatest[:, 0] - logsumexp(below, axis=1)
        effective[rows] = total**2 / (terms**2).sum(axis=1)
    return log_integrals, effective


def _points(
    centres: FloatArray, variances: FloatArray, n_points: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw points from a mixture of t distributions, and compute the mixture's log-density there."""
    n = centres.shape[1]
    scale = _WIDER * np.linalg.cholesky(variances)
    component = np.arange(n_points) % len(centres)
    stretched = rng.standard_normal((n_points, n)) / np.sqrt(rng.chisquare(_DEGREES, (n_points, 1)) / _DEGREES)
    points = centres[component] + np.einsum("kqr,kr->kq", scale[component], stretched)
    inverse = np.linalg.inv(scale)
    constant = gammaln((_DEGREES + n) / 2) - gammaln(_DEGREES / 2) - n / 2 * np.log(_DEGREES * np.pi)
    densities = np.empty((len(centres), n_points))
    for number, (centre, unit) in enumerate(zip(centres, inverse, strict=True)):
        distance = (((points - centre) @ unit.T) ** 2).sum(axis=1)
        densities[number] = np.log(np.abs(np.diag(unit))).sum() - (_DEGREES + n) / 2 * np.log1p(distance / _DEGREES)
    return points, logsumexp(densities, axis=0) + constant - np.log(len(centres))


def _over_dispersion(dispersion: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes of the dispersion, and the weights that interpolate the log-likelihood to the draws' dispersions."""
    at = np.log1p(dispersion * n)
    middle, half = (at.max() + at.min()) / 2, (at.max() - at.min()) / 2
    if half == 0.0:
        return dispersion[:1], np.ones((dispersion.size, 1))
    nodes = np.cos(np.pi * (np.arange(_DISPERSION_NODES) + 0.5) / _DISPERSION_NODES)
    apart = (at[:, None] - middle) / half - nodes
    share = np.ones_like(apart)
    for i, j in itertools.permutations(range(nodes.size), 2):
        share[:, i] *= apart[:, j] / (nodes[i] - nodes[j])
    return np.expm1(middle + half * nodes) / n, share
