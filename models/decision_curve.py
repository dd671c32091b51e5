"""The survival function of a decision table: it follows from personas and sightings, without an SI model."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, poisson

FloatArray = NDArray[np.float64]

_WHOLE = 1e-6
"""Largest distance of the number of showings from a whole number."""


class DecisionCurve(NamedTuple):
    """Survival and hazard of a decision table; arrays of shape (..., n_points).

    Parameters
    ----------
    survival : array
        Fraction G of the initially susceptible agents that has not shared, in [0, 1].
    hazard : array
        Hazard per sighting: probability that the next sighting persuades, averaged over the agents that have not
        shared.
    """

    survival: FloatArray
    hazard: FloatArray


def decision_curve(
    probabilities: ArrayLike, shares: ArrayLike, sightings: ArrayLike, visibility: float = 0.0
) -> DecisionCurve:
    """Compute survival and hazard of a decision table over cumulative exposure.

    The unit of exposure is the sighting: the mean number of sightings of an agent that has not shared.

    Parameters
    ----------
    probabilities : array, shape (..., n_personas, n_sightings)
        Decision tables `P[z, m]`, in [0, 1]; the last column holds for its sighting and all later ones.
    shares : array, shape (n_personas,)
        Share of each persona among the initially susceptible agents; sums to one.
    sightings : array, shape (n_points,)
        Cumulative exposure γΛ, at least 0.
    visibility : float
        Probability that a showing is seen, in [0, 1]. 0 is the limit of many showings, and of continuous time.

    Returns
    -------
    DecisionCurve

    Raises
    ------
    ValueError
        When an argument is not valid. With a visibility, exposures must be whole numbers of showings.

    Notes
    -----
    After n sightings an agent of persona z has not shared with probability `L[z, n] = Π_{m≤n} (1 - P[z, min(m, M)])`.
    So `G = Σ_z w_z Σ_n f(n) L[z, n]` with `f` the distribution of the number of sightings. It is Poisson with mean γΛ;
    in rounds with visibility c it is binomial, with γΛ/c showings, each seen with probability c. The derivative (in
    rounds: the difference of one showing, divided by c) gives `h = Σ_z w_z Σ_n f(n) L[z, n] P[z, n+1] / G`. All terms
    are positive, so nothing cancels. With one persona and two sightings this is the two-rate or the reinforced model.
    If all sightings of a persona are equal, it is a mixture of exponentials.

    Examples
    --------
    >>> decision_curve([[0.5, 0.5]], [1.0], [0.0, 2.0]).survival.round(4)
    array([1.    , 0.3679])
    """
    table, weights = np.asarray(probabilities, dtype=float), np.asarray(shares, dtype=float)
    points = np.atleast_1d(np.asarray(sightings, dtype=float))
    if table.ndim < 2 or 0 in table.shape[-2:] or not np.all((table >= 0) & (table <= 1)):
        raise ValueError("probabilities must be tables [persona, sighting] of numbers in [0, 1]")
    if weights.shape != table.shape[-2:-1] or weights.min() < 0 or abs(weights.sum() - 1) > 1e-9:
        raise ValueError(f"shares = {weights}: must be one number for each persona, at least 0, with sum 1")
    if points.size == 0 or not np.all((points >= 0) & np.isfinite(points)):
        raise ValueError(f"sightings = {points}: must be finite and at least 0")
    if not 0 <= visibility <= 1:
        raise ValueError(f"visibility = {visibility}: must lie in [0, 1]")
    if visibility > 0:
        showings = np.rint(points / visibility)
        if np.abs(points / visibility - showings).max() > _WHOLE:
            raise ValueError(f"sightings = {points}: must be multiples of visibility = {visibility}")
        number = np.arange(int(showings.max()) + 1)
        chance = binom.pmf(number, showings[:, None], visibility)
    else:
        # Larger numbers have a probability below exp(-45), by Bernstein's inequality.
        largest = points.max() + 10.0 * np.sqrt(points.max()) + 30.0
        number = np.arange(int(largest) + 1)
        chance = poisson.pmf(number, points[:, None])
    following = table[..., np.minimum(number, table.shape[-1] - 1)]
    unshared = np.ones_like(following)
    np.cumprod(1.0 - following[..., :-1], axis=-1, out=unshared[..., 1:])
    survival = np.einsum("z,...zn->...n", weights, unshared) @ chance.T
    persuaded = np.einsum("z,...zn->...n", weights, unshared * following) @ chance.T
    # If everybody has shared, the hazard is not defined.
    hazard = np.divide(persuaded, survival, out=np.full_like(persuaded, np.nan), where=survival > 0)
    return DecisionCurve(survival, hazard)


def sighting_weights(sightings: float, n_sightings: int) -> FloatArray:
    """Return the share of first, second, … sightings in all sightings of an agent that does not share.

    Parameters
    ----------
    sightings : float
        Cumulative exposure of the agent in sightings, above 0.
    n_sightings : int
        Number of sightings to distinguish; the last includes all later ones.

    Returns
    -------
    array, shape (n_sightings,)
        `P(N >= m) / E[N]` with N Poisson; sums to one.

    Examples
    --------
    >>> sighting_weights(1.0, 2).round(3)
    array([0.632, 0.368])
    """
    if not sightings > 0 or n_sightings < 1:
        raise ValueError(f"sightings = {sightings}, n_sightings = {n_sightings}: must be above 0, and at least 1")
    weights = poisson.sf(np.arange(n_sightings), sightings) / sightings
    weights[-1] = max(0.0, 1.0 - weights[:-1].sum())
    return np.asarray(weights)
