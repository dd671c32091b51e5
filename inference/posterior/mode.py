"""The log-likelihood at a posterior mode: about what a fit will reach, without compiling or sampling it."""

from collections.abc import Mapping
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
"""Step of derivatives, on the unconstrained scale."""
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
    density = _Density(specification, data)
    medians = {name: spec.distribution.median() for name, spec in specification.scalars.items()}
    starts = [medians]
    if near:
        units = {name: data.window if name in specification.rates else 1.0 for name in medians}
        starts.append({name: units[name] * near[name] if name in near else value for name, value in medians.items()})
    found = []
    for start in starts:
        point = [spec.unconstrained(start[name]) for name, spec in specification.scalars.items()]
        found.append(minimize(density.cost, point, method="L-BFGS-B", jac=True, options=_SEARCH))
    best = min(found, key=lambda each: float(each.fun))
    log_likelihood, _ = density.at(best.x[None])
    return np.asarray(log_likelihood[0])


class _Density:
    """Log-likelihood and log-prior of a specification at points on the unconstrained scale."""

    def __init__(self, specification: Specification, data: Transitions) -> None:
        self._specification, self._data = specification, data
        self._formula = predictor(specification)
        self._arrays = self._formula.arrays(data)
        self._observed = data.observed(specification.likelihood.observed)

    def at(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the log-likelihoods and the log-prior at some points.

        Parameters
        ----------
        points : array, shape (n_points, n_scalars)
            Points on the unconstrained scale.

        Returns
        -------
        log_likelihood : array, shape (n_points, n_observations)
            Weighted.
        log_prior : array, shape (n_points,)
        """
        specification, data = self._specification, self._data
        scalars = specification.scalars.items()
        values: dict[str, Any] = {
            name: spec.constrained(column[:, None]) for (name, spec), column in zip(scalars, points.T, strict=True)
        }
        log_prior = sum(spec.distribution.logpdf(values[name][:, 0]) for name, spec in scalars)
        dispersion = values[DISPERSION][:, 0] if DISPERSION in values else np.zeros(len(points))
        parameters = specification.model.from_coordinates(values)
        prediction = np.broadcast_to(self._formula.predict(self._arrays, parameters), (len(points), data.size))
        pointwise = pointwise_log_likelihood(
            specification.likelihood.family, prediction, dispersion, self._observed, data.n_susceptible
        )
        return pointwise * data.weight, np.asarray(log_prior)

    def cost(self, point: FloatArray) -> tuple[float, FloatArray]:
        """Return minus the log of the posterior density at a point, up to a constant, and its gradient."""
        points = np.vstack([point, point + _STEP * np.eye(point.size)])
        with np.errstate(all="ignore"):
            log_likelihood, log_prior = self.at(points)
            total = -log_likelihood.sum(axis=1) - log_prior
        if not np.all(np.isfinite(total)):
            return 1e300, np.zeros(point.size)
        return float(total[0]), (total[1:] - total[0]) / _STEP
