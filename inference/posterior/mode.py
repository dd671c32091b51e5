"""The posterior mode of a specification, found without compiling or sampling it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..data.observations import Transitions
from ..likelihood.likelihoods import pointwise_log_likelihood
from ..likelihood.predictor import predictor
from ..likelihood.specification import DISPERSION, Specification

FloatArray = NDArray[np.float64]

_STEP = 1e-5
"""Step of first derivatives, on the unconstrained scale."""
_WIDE_STEP = 1e-2
"""Step of second derivatives."""
_FACTORS = np.exp(np.linspace(-2.0, 2.0, 81))
"""Factors on the exposure of a replicate among which the best is sought."""
_SEARCH = {"maxiter": 200, "ftol": 1e-8}
"""A search ends where a step gains less than so much of the log-density, about 1e-4 nats."""


def log_likelihood_at_mode(
    specification: Specification, data: Transitions, near: Mapping[str, float] | None = None
) -> FloatArray:
    """Return the log-likelihood of each observation at the posterior mode, shape (n_observations,).

    Leave-one-out takes about the number of parameters off its sum, so the elpd is a few nats below it.

    Parameters
    ----------
    specification : Specification
        What is fitted; without effects of replicates or covariates.
    data : Transitions
        Its observations.
    near : mapping, optional
        Values of scalars that the search begins at too, rates per unit of the data's time; the others begin at the
        medians of their priors, as all do in a first search.
    """
    density = Density(specification, data)
    log_likelihood, _ = density.at(density.mode(near)[None])
    return np.asarray(log_likelihood[0])


def log_likelihood_by_replicate(specification: Specification, data: Transitions) -> FloatArray:
    """Return the log-likelihood of each observation where each replicate has the factor that suits it best.

    All other scalars are at the mode without effects of replicates. Where replicates do not differ, a factor still
    gains half a nat on average. This is subtracted.

    Parameters
    ----------
    specification : Specification
        What is fitted, with effects of replicates; of a transition likelihood.
    data : Transitions
        Its observations.
    """
    density = Density(specification, data)
    n_replicates = len(data.paths)
    factors = np.repeat(_FACTORS[:, None], n_replicates, axis=1)
    values, _ = density.at(np.tile(density.mode(), (_FACTORS.size, 1)), factors)
    of_replicate = np.stack([np.bincount(data.path, row, n_replicates) for row in values])
    best = values[of_replicate.argmax(axis=0)[data.path], np.arange(data.size)]
    return np.asarray(best - (0.5 / np.bincount(data.path, minlength=n_replicates))[data.path])


class Density:
    """Posterior density of a specification at points on the unconstrained scale.

    Parameters
    ----------
    specification : Specification
        What is fitted; without covariates. Effects of replicates are left out, but for factors that are given.
    data : Transitions
        Its observations.
    of_unconstrained : bool
        Whether the density is that of the unconstrained numbers, as a sampler sees it, or that of the scalars.
    """

    def __init__(self, specification: Specification, data: Transitions, *, of_unconstrained: bool = False) -> None:
        self._specification = replace(specification, replicate_effects=False)
        self._data, self._of_unconstrained = data, of_unconstrained
        self._formula = predictor(specification)
        self._arrays = self._formula.arrays(data)
        self._observed = data.observed(specification.likelihood.observed)

    def at(self, points: FloatArray, factors: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Return the log-likelihoods and the log-prior at some points.

        Parameters
        ----------
        points : array, shape (n_points, n_scalars)
            Points on the unconstrained scale.
        factors : array, shape (n_points, n_replicates), optional
            Transmission factors of the replicates.

        Returns
        -------
        log_likelihood : array, shape (n_points, n_observations)
            Weighted.
        log_prior : array, shape (n_points,)
        """
        specification, data = self._specification, self._data
        scalars = [(name, spec, column[:, None]) for (name, spec), column in zip(self._scalars, points.T, strict=True)]
        values: dict[str, Any] = {name: spec.constrained(column) for name, spec, column in scalars}
        log_prior = sum(spec.distribution.logpdf(values[name][:, 0]) for name, spec, _ in scalars)
        if self._of_unconstrained:
            log_prior += sum(spec.log_jacobian(column)[:, 0] for _, spec, column in scalars)
        dispersion = values[DISPERSION][:, 0] if DISPERSION in values else np.zeros(len(points))
        parameters = specification.model.from_coordinates(values)
        prediction = np.broadcast_to(self._formula.predict(self._arrays, parameters, factors), (len(points), data.size))
        pointwise = pointwise_log_likelihood(
            specification.likelihood.family, prediction, dispersion, self._observed, data.n_susceptible
        )
        return pointwise * data.weight, np.asarray(log_prior)

    def log_density(self, points: FloatArray) -> FloatArray:
        """Return the log of the posterior density at some points, up to a constant; shape (n_points,)."""
        total = []
        for start in range(0, len(points), self._formula.draws_at_once):
            log_likelihood, log_prior = self.at(points[start : start + self._formula.draws_at_once])
            total.append(log_likelihood.sum(axis=1) + log_prior)
        return np.concatenate(total)

    def mode(self, near: Mapping[str, float] | None = None) -> FloatArray:
        """Return the mode, shape (n_scalars,); `near` is that of :func:`log_likelihood_at_mode`."""
        medians = {name: spec.distribution.median() for name, spec in self._scalars}
        starts = [medians]
        if near:
            rates, window = self._specification.rates, self._data.window
            given = {name: near[name] * (window if name in rates else 1.0) for name in medians if name in near}
            starts.append({**medians, **given})
        found = []
        for start in starts:
            point = [spec.unconstrained(start[name]) for name, spec in self._scalars]
            found.append(minimize(self._cost, point, method="L-BFGS-B", jac=True, options=_SEARCH))
        return np.asarray(min(found, key=lambda each: float(each.fun)).x)

    def precision(self, mode: FloatArray) -> FloatArray:
        """Return minus the matrix of second derivatives of the log-density, shape (n_scalars, n_scalars)."""
        steps = _WIDE_STEP * np.eye(mode.size)
        pairs = [mode + a * one + b * other for one in steps for other in steps for a in (1, -1) for b in (1, -1)]
        both, first, second, neither = (
            self.log_density(np.array(pairs)).reshape(mode.size, mode.size, 4).transpose(2, 0, 1)
        )
        return -(both - first - second + neither) / (4 * _WIDE_STEP**2)

    @property
    def _scalars(self) -> Any:
        return self._specification.scalars.items()

    def _cost(self, point: FloatArray) -> tuple[float, FloatArray]:
        """Return minus the log-density at a point, and its gradient."""
        with np.errstate(all="ignore"):
            total = -self.log_density(np.vstack([point, point + _STEP * np.eye(point.size)]))
        if not np.all(np.isfinite(total)):
            return 1e300, np.zeros(point.size)
        return float(total[0]), (total[1:] - total[0]) / _STEP
