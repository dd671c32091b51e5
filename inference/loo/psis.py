"""Pareto-smoothed importance sampling for leave-one-out, vectorised over units.

The results equal those of `arviz.loo`, as tests check. `arviz.loo` computes one unit at a time and takes longer than
sampling.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

FloatArray = NDArray[np.float64]

_ROWS = 64
"""Number of units computed at once. They take a few MB of memory."""
_MIN_TAIL = 5
"""Tails with fewer draws are not fitted, and k is infinite."""
_MIN_LOG_WEIGHT = math.log(np.finfo(float).tiny)
"""Smaller weights, relative to the largest one, do not belong to a tail."""


class LeftOut(NamedTuple):
    """Result of leaving out each unit.

    Parameters
    ----------
    elpd : array, shape (n_units,)
        Log predictive density of each unit given the other units.
    lpd : array, shape (n_units,)
        Log predictive density of each unit given all units.
    pareto_k : array, shape (n_units,)
        Shape of the generalised Pareto distribution of the importance weights. It is infinite if there is no tail to
        fit.
    good_k : float
        `min(1 - 1/log10(S), 0.7)` for S draws. Estimates with smaller Pareto k can be trusted.
    """

    elpd: FloatArray
    lpd: FloatArray
    pareto_k: FloatArray
    good_k: float


def leave_one_out(log_likelihood: FloatArray, efficiency: float) -> LeftOut:
    """Leave out each unit by reweighting the draws.

    Parameters
    ----------
    log_likelihood : array, shape (n_draws, n_units)
        Log-likelihood of each unit under each draw.
    efficiency : float
        Effective sample size of the draws divided by their number.

    Notes
    -----
    The importance weight of a draw is the reciprocal of the unit's likelihood. The largest `min(S/5, 3 sqrt(S/r))`
    weights are replaced with the quantiles of a generalised Pareto distribution fitted to them, and truncated at the
    largest raw weight. Vehtari, Simpson, Gelman, Yao & Gabry (2024), Journal of Machine Learning Research 25(72).
    """
    n_draws, n_units = log_likelihood.shape
    n_tail = _tail_length(n_draws, efficiency)
    elpd, lpd, k = np.empty(n_units), np.empty(n_units), np.empty(n_units)
    for start in range(0, n_units, _ROWS):
        rows = slice(start, start + _ROWS)
        block = np.ascontiguousarray(log_likelihood[:, rows].T)
        lpd[rows] = _log_mean_exp(block)
        elpd[rows], k[rows] = _smoothed(block, n_tail)
    return LeftOut(elpd, lpd, k, min(1.0 - 1.0 / math.log10(n_draws), 0.7))


def smoothed_weights(log_likelihood: FloatArray, efficiency: float) -> FloatArray:
    """Return the weights of the draws that leave out each unit, shape (n_draws, n_units); each unit's add up to 1.

    Arguments and method are those of :func:`leave_one_out`.
    """
    n_draws = len(log_likelihood)
    n_tail = _tail_length(n_draws, efficiency)
    result = np.empty(log_likelihood.shape)
    for start in range(0, log_likelihood.shape[1], _ROWS):
        units = slice(start, start + _ROWS)
        log_weights = -np.ascontiguousarray(log_likelihood[:, units].T)
        log_weights -= log_weights.max(axis=1, keepdims=True)
        order = np.argpartition(log_weights, n_draws - n_tail - 1, axis=1)
        rows = np.arange(len(order))[:, None]
        cutoff = np.maximum(log_weights[rows[:, 0], order[:, n_draws - n_tail - 1]][:, None], _MIN_LOG_WEIGHT)
        places = order[:, n_draws - n_tail :]
        places = places[rows, np.argsort(log_weights[rows, places], axis=1)]
        smooth, _ = _smoothed_tail(log_weights[rows, places], cutoff)
        log_weights[rows, places] = smooth
        weights = np.exp(log_weights)
        result[:, units] = (weights / weights.sum(axis=1, keepdims=True)).T
    return result


def _tail_length(n_draws: int, efficiency: float) -> int:
    """Return the number of the largest weights that are smoothed."""
    return math.ceil(min(n_draws / 5.0, 3.0 * math.sqrt(n_draws / efficiency)))


def _log_mean_exp(values: FloatArray) -> FloatArray:
    """Compute the logarithm of the mean of exponentials of each row. Values may be `-inf`."""
    greatest = np.maximum(values.max(axis=1), -np.finfo(float).max)
    with np.errstate(divide="ignore"):
        return greatest + np.log(np.exp(values - greatest[:, None]).mean(axis=1))


def _smoothed(log_likelihood: FloatArray, n_tail: int) -> tuple[FloatArray, FloatArray]:
    """Compute the log predictive density and Pareto k of units; `log_likelihood` has shape (n_units, n_draws)."""
    n_draws = log_likelihood.shape[1]
    greatest = -log_likelihood.min(axis=1)
    log_weights = -log_likelihood - greatest[:, None]
    log_weights.partition(n_draws - n_tail - 1, axis=1)
    body, tail = log_weights[:, : n_draws - n_tail], np.sort(log_weights[:, n_draws - n_tail :], axis=1)
    cutoff = np.maximum(body[:, -1:], _MIN_LOG_WEIGHT)
    smooth, k = _smoothed_tail(tail, cutoff)
    # Weight times likelihood is the same for all draws, except for smoothed weights.
    weighted = body.shape[1] + np.exp(smooth - tail).sum(axis=1)
    total = np.exp(body).sum(axis=1) + np.exp(smooth).sum(axis=1)
    return np.log(weighted) - greatest - np.log(total), k


def _smoothed_tail(tail: FloatArray, cutoff: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Smooth sorted log-weights, shape (n_units, n_tail), above the cut-off of each unit, shape (n_units, 1).

    Returns the smoothed log-weights and Pareto k.
    """
    # Weights that equal the cut-off, or exceed it by rounding only, belong to the body. Tail lengths therefore differ
    # where draws are repeated.
    lengths = (np.exp(tail) > np.exp(cutoff)).sum(axis=1)
    smooth, k = tail.copy(), np.full(len(tail), np.inf)
    for length in np.unique(lengths[lengths >= _MIN_TAIL]):
        rows = np.flatnonzero(lengths == length)
        origin = np.exp(cutoff[rows])
        k[rows], scale = _fit_pareto(np.exp(tail[rows, -length:]) - origin)
        fitted = rows[np.isfinite(k[rows])]
        above = _pareto_quantiles(length, k[fitted], scale[np.isfinite(k[rows])])
        smooth[fitted, -length:] = np.minimum(np.log(above + origin[np.isfinite(k[rows])]), 0.0)
    return smooth, k


def _fit_pareto(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Estimate shape and scale of a generalised Pareto distribution for each row of sorted positive `values`.

    Notes
    -----
    Empirical Bayes of Zhang & Stephens (2009), Technometrics 51, 316, doi:10.1198/tech.2009.08017, with a weak prior
    that pulls the shape towards 1/2 with the weight of ten observations.
    """
    n = values.shape[1]
    n_grid = 30 + int(math.sqrt(n))
    grid = 1.0 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))
    b = grid / (3.0 * values[:, int(n / 4 + 0.5) - 1, None]) + 1.0 / values[:, -1:]
    shape = np.log1p(-b[:, :, None] * values[:, None, :]).mean(axis=2)
    profile = n * (np.log(-b / shape) - shape - 1.0)
    weight = np.exp(profile - logsumexp(profile, axis=1, keepdims=True))
    weight[weight < 10.0 * np.finfo(float).eps] = 0.0
    b_mean = (b * weight).sum(axis=1) / weight.sum(axis=1)
    k = np.log1p(-b_mean[:, None] * values).mean(axis=1)
    return (n * k + 5.0) / (n + 10.0), -k / b_mean


def _pareto_quantiles(n: int, shape: FloatArray, scale: FloatArray) -> FloatArray:
    """Compute the quantiles at (i + 1/2)/n of generalised Pareto distributions, shape (n_rows, n)."""
    log_above = np.log1p(-(np.arange(n) + 0.5) / n)
    k = shape[:, None]
    straight = np.abs(k) < np.finfo(float).eps
    with np.errstate(over="ignore"):
        # Overflowing quantiles of a very heavy tail are truncated at the largest weight later.
        curved = np.expm1(-k * log_above) / np.where(straight, 1.0, k)
    return scale[:, None] * np.where(straight, -log_above, curved)
