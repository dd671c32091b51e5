"""A quick fit of one rate with a structure: at which weights of the exposure agents are compared and grouped."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ...models import OneRateSI
from ...models.structured import with_structure
from ...models.structures import Bins, Structure

FloatArray = NDArray[np.float64]


def pilot_weights(
    structure: type[Structure], bins: Bins, gained: FloatArray, n_shared: FloatArray, escaped: FloatArray, window: float
) -> FloatArray:
    """Return the weights of the bins at the posterior mode of one rate with the structure.

    Parameters
    ----------
    structure : type of Structure
        What weights the exposure; without a setting.
    bins : Bins
        The bins, in the units of structures.
    gained : array, shape (n_rows, n_bins)
        Exposure in bins in the interval of a share; equal rows may be one.
    n_shared : array, shape (n_rows,)
        How many agents shared in such an interval.
    escaped : array, shape (n_bins,)
        Exposure of all agents without a share, added up.
    window : float
        Observed window, the unit of priors on rates.

    Returns
    -------
    array, shape (n_bins,)
    """
    model = with_structure(OneRateSI, structure)
    specifications = model.coordinates()
    gained, escaped = gained / window, escaped / window

    def at(point: FloatArray) -> dict[str, float]:
        values = {name: spec.constrained(x) for (name, spec), x in zip(specifications.items(), point, strict=True)}
        return model.from_coordinates(values)

    def cost(point: FloatArray) -> float:
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            parameters = at(point)
            weights = parameters["beta"] * structure.weights(bins, parameters)
            log_share = np.log(-np.expm1(-(gained @ weights)))
            values = [spec.constrained(x) for spec, x in zip(specifications.values(), point, strict=True)]
            log_prior = sum(s.distribution.logpdf(v) for s, v in zip(specifications.values(), values, strict=True))
            total = -(log_share @ n_shared) + escaped @ weights - log_prior
        return float(total) if np.isfinite(total) else 1e300

    start = np.array([spec.unconstrained(spec.distribution.median()) for spec in specifications.values()])
    found = minimize(cost, start, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(structure.weights(bins, at(found.x)), dtype=float)
