"""Gaussian approximation of each condition's likelihood: its location and width, for the sampler's coordinates.

It affects only the time that sampling takes, no reported result. Two steps alternate: the log-likelihood of each
condition is expanded about the most probable point given the population, and the population is estimated from the
expansions (by EM, as if they were exact).
"""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quantities import EFFECT_SD, Quantity, exchanged, ordered_pair

FloatArray = NDArray[np.float64]
Function = Callable[[FloatArray], FloatArray]
Likelihood = Callable[[FloatArray, FloatArray], FloatArray]

_REACH = 2.0
"""Largest distance between an expansion's own mode and its centre, along each principal direction."""
_STEP = 2e-3
"""Step of finite differences. On these scales quantities differ by tenths."""
_ROUNDS = 3
"""Rounds of expanding and estimating. More do not make the sampler faster."""
_DISPERSIONS = np.geomspace(1e-5, 0.3, 41)
"""Grid on which the dispersion is estimated."""
_EM_STEPS = 50
_NEWTON_STEPS = 30
_SMALLEST_SD = 0.02
"""Smallest estimate of a standard deviation between conditions."""


@dataclass(frozen=True)
class Approximation:
    """Gaussian approximations of the conditions' likelihoods, and estimates of the population.

    Parameters
    ----------
    precision : array, shape (n_conditions, n_quantities, n_quantities)
        Λ: curvature of the log-likelihood at the centre of the expansion, without directions in which it is convex.
    information : array, shape (n_conditions, n_quantities)
        b: slope of the expansion at 0.
    constant : array, shape (n_conditions,)
        Value of the expansion at 0.
    intercept, sd : array, shape (n_quantities,)
        Estimates for the population.
    coefficients : array, shape (n_coefficients, n_quantities)
        Estimates.
    dispersion : float
        Estimate; 0 if the likelihood has no dispersion.
    """

    precision: FloatArray
    information: FloatArray
    constant: FloatArray
    intercept: FloatArray
    coefficients: FloatArray
    sd: FloatArray
    dispersion: float


def approximate(
    likelihoods: Sequence[Likelihood], matrix: FloatArray, quantities: Sequence[Quantity], *, dispersed: bool
) -> Approximation:
    """Approximate the likelihoods of all conditions.

    Parameters
    ----------
    likelihoods : sequence of callable
        Log-likelihood of each condition at points of shape (n_points, n_quantities), with one dispersion per point.
    matrix : array, shape (n_conditions, n_coefficients)
        The design.
    quantities : sequence of Quantity
        The quantities, with their priors.
    dispersed : bool
        Whether the likelihood has a dispersion to estimate.
    """
    n = len(quantities)
    intercept = np.array([quantity.mean for quantity in quantities])
    # Exchanging the two rates and replacing the weight by its complement changes nothing. The fast rate must come
    # first.
    pair = ordered_pair(quantities)
    if pair:
        intercept[list(pair)] += [0.7, -0.7]
    sd = np.array([1.5 if quantity.link == "log" else 1.0 for quantity in quantities])
    coefficients = np.zeros((matrix.shape[1], n))
    points = np.tile(intercept, (len(likelihoods), 1))
    dispersion = float(_DISPERSIONS[len(_DISPERSIONS) // 2]) if dispersed else 0.0
    with ThreadPoolExecutor() as pool:
        for turn in range(_ROUNDS):
            mean = intercept + matrix @ coefficients
            functions = [_at_dispersion(f, dispersion) for f in likelihoods]
            tasks = [(f, at, m, sd) for f, at, m in zip(functions, points, mean, strict=True)]
            expansions = list(pool.map(lambda task: _expand(*task), tasks))
            points = np.array([expansion[0] for expansion in expansions])
            if pair and turn == 0:
                swapped = points[:, pair[0]] < points[:, pair[1]]
                points[swapped] = exchanged(points[swapped], quantities)
                for number in np.flatnonzero(swapped):
                    expansions[number] = (points[number], *_expansion(functions[number], points[number]))
            value, gradient, precision = (np.array([expansion[k] for expansion in expansions]) for k in (1, 2, 3))
            information = gradient + np.einsum("cij,cj->ci", precision, points)
            constant = value - np.einsum("ci,ci->c", gradient, points)
            constant -= 0.5 * np.einsum("ci,cij,cj->c", points, precision, points)
            intercept, coefficients, sd = _population(precision, information, matrix, quantities, intercept, sd)
            if dispersed and turn < _ROUNDS - 1:
                grid = [
                    f(np.tile(at, (_DISPERSIONS.size, 1)), _DISPERSIONS)
                    for f, at in zip(likelihoods, points, strict=True)
                ]
                dispersion = float(_DISPERSIONS[np.argmax(np.sum(grid, axis=0))])
    return Approximation(precision, information, constant, intercept, coefficients, sd, dispersion)


def population(known: Approximation, matrix: FloatArray, quantities: Sequence[Quantity]) -> Approximation:
    """Estimate the population again, with another design."""
    estimates = _population(known.precision, known.information, matrix, quantities, known.intercept, known.sd)
    intercept, coefficients, sd = estimates
    return dataclasses.replace(known, intercept=intercept, coefficients=coefficients, sd=sd)


def _at_dispersion(likelihood: Likelihood, dispersion: float) -> Function:
    return lambda points: likelihood(points, np.full(len(points), dispersion))


def _expand(f: Function, start: FloatArray, mean: FloatArray, sd: FloatArray) -> tuple[Any, Any, Any, Any]:
    """Return the most probable point, and value, gradient and curvature of the log-likelihood there."""
    weight = sd**-2.0

    def penalised(points: FloatArray) -> FloatArray:
        return f(points) - 0.5 * ((points - mean) ** 2 * weight).sum(axis=1)

    at, halvings = start, 0.5 ** np.arange(10.0)
    value, gradient, curvature = _expansion(f, at)
    for _ in range(_NEWTON_STEPS):
        step = np.linalg.solve(curvature + np.diag(weight), gradient - weight * (at - mean))
        # Far from the mode the curvature is a poor guide to its distance.
        step /= max(1.0, float(np.abs(step).max()) / 2.0)
        tried = penalised(np.vstack([at, at + halvings[:, None] * step]))
        best = int(np.argmax(np.where(np.isfinite(tried), tried, -np.inf)))
        if best == 0:
            break
        moved = halvings[best - 1] * step
        at = at + moved
        value, gradient, curvature = _expansion(f, at)
        if np.abs(moved / sd).max() < 1e-3:
            break
    return at, value, gradient, curvature


def _expansion(f: Function, at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Compute value, gradient and curvature by finite differences. Curvature is added to keep the mode near."""
    n = at.size
    steps = _STEP * np.eye(n)
    pairs = [(i, j) for i in range(n) for j in range(i)]
    corners = [at + a * steps[i] + b * steps[j] for i, j in pairs for a in (1, -1) for b in (1, -1)]
    values = f(np.array([at, *(at + steps), *(at - steps), *corners]))
    centre, up, down = values[0], values[1 : n + 1], values[n + 1 : 2 * n + 1]
    hessian = np.diag((up - 2.0 * centre + down) / _STEP**2)
    for (i, j), (pp, pm, mp, mm) in zip(pairs, values[2 * n + 1 :].reshape(-1, 4), strict=True):
        hessian[i, j] = hessian[j, i] = (pp - pm - mp + mm) / (4.0 * _STEP**2)
    if not np.all(np.isfinite(hessian)):
        return float(centre), np.zeros(n), np.zeros((n, n))
    gradient = (up - down) / (2.0 * _STEP)
    size, direction = np.linalg.eigh(-hessian)
    # A slope without curvature would move the mode to infinity, and the standard deviation of the population with it.
    least = np.abs(direction.T @ gradient) / _REACH
    return float(centre), gradient, (direction * np.maximum(size, least)) @ direction.T


def _population(
    precision: FloatArray,
    information: FloatArray,
    matrix: FloatArray,
    quantities: Sequence[Quantity],
    intercept: FloatArray,
    sd: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Estimate intercepts, coefficients and standard deviations of the population from the expansions, by EM."""
    n_conditions, n = information.shape
    coefficients, sd = np.zeros((matrix.shape[1], n)), sd.copy()
    wide = np.hstack([np.ones((n_conditions, 1)), matrix])
    for _ in range(_EM_STEPS):
        mean = intercept + matrix @ coefficients
        variance = np.linalg.inv(precision + np.diag(sd**-2.0))
        centre = np.einsum("cij,cj->ci", variance, information + mean * sd**-2.0)
        intercept, coefficients = intercept.copy(), np.zeros_like(coefficients)
        for q, quantity in enumerate(quantities):
            # Where the conditions carry no information, the priors determine the estimate.
            prior_mean = np.zeros(wide.shape[1])
            prior_mean[0] = quantity.mean
            weight = np.full(wide.shape[1], EFFECT_SD**-2.0)
            weight[0] = quantity.sd**-2.0
            normal = wide.T @ wide + sd[q] ** 2 * np.diag(weight)
            solved = np.linalg.solve(normal, wide.T @ centre[:, q] + sd[q] ** 2 * weight * prior_mean)
            intercept[q], coefficients[:, q] = solved[0], solved[1:]
            squares = ((centre[:, q] - wide @ solved) ** 2 + variance[:, q, q]).sum()
            sd[q] = max(np.sqrt(squares / (n_conditions + 1.0)), _SMALLEST_SD)
    return intercept, coefficients, sd
