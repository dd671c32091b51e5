"""The shelf life of shares: which age fits a model best."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ...models import SIModel
from ...models.structures.fading import ShelfLife
from .individual import merge_memoryless
from .observations import Transitions
from .weighting import Weighting, weighted

FloatArray = NDArray[np.float64]

_SEARCH = {"maxiter": 200, "ftol": 1e-8}
"""A search ends where a step gains less than so much of the log-density, about 1e-4 nats."""


def best_shelf_life(data: Transitions, model: type[SIModel]) -> float:
    """Return the shelf life at which a model fits best, among the upper ends of the bins of age.

    Parameters
    ----------
    data : Transitions
        Observations with their exposure in bins of age.
    model : type of SIModel
        At each shelf life its parameters are those of highest posterior density.
    """
    if model.is_memoryless():
        data = merge_memoryless(data)
    ages = np.asarray(data.binned.bins.start + data.binned.bins.width)  # type: ignore[union-attr]
    specs = model.coordinates()
    point = np.array([spec.unconstrained(spec.distribution.median()) for spec in specs.values()])
    costs = []
    # The longest shelf life is the plain model. From there each fit starts where the last one ended.
    for age in ages[::-1]:
        cost = _Cost(model, weighted(data, shelf_life_weighting(age)))
        found = minimize(cost, point, method="L-BFGS-B", options=_SEARCH)
        point = found.x
        costs.append(found.fun)
    return float(ages[::-1][np.argmin(costs)])


def shelf_life_weighting(shelf_life: float) -> Weighting:
    """Return the weighting by which only shares that are younger than the shelf life count."""
    return Weighting.of(ShelfLife, {"shelf_life": shelf_life})


class _Cost:
    """Minus the log of the posterior density of a model in unconstrained coordinates, up to a constant."""

    def __init__(self, model: type[SIModel], data: Transitions) -> None:
        self._model, self._specs = model, model.coordinates()
        scaled = [np.stack([data.time_start, data.time_end]), np.stack([data.exposure_start, data.exposure_end])]
        self._time, self._exposure = (values / data.window for values in scaled)
        self._n_new = data.weight * data.incidence
        self._n_others = data.weight * data.n_susceptible - self._n_new

    def __call__(self, point: FloatArray) -> float:
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            values = {name: spec.constrained(x) for (name, spec), x in zip(self._specs.items(), point, strict=True)}
            log_prior = sum(spec.distribution.logpdf(values[name]) for name, spec in self._specs.items())
            parameters = self._model.from_coordinates(values)
            log_escape = self._model.log_escape(tuple(self._exposure), tuple(self._time), parameters)
            log_share = np.log(-np.expm1(np.minimum(log_escape, -1e-300)))
            total = log_share @ self._n_new + log_escape @ self._n_others + log_prior
        return -float(total) if np.isfinite(total) else 1e300
