"""The split: how much of the fall of the hazard is who, and how much is when.

As exposure mounts, the probability that the next sighting persuades falls, averaged over the agents that have not
shared: because those who share readily have gone (*who*), and because later sightings persuade less (*when*). That
fall is what two rates describe. It follows from the decision table exactly, and so do the falls of three other tables:
with personas made alike, with sightings made alike, and both.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...models import decision_curve, sighting_weights

FloatArray = NDArray[np.float64]

_CHUNK = 250
"""Draws whose curves are worked out at once."""
N_POINTS = 61
"""Points of the curves that are drawn."""
CURVE_DRAWS = 400
"""Draws of which they are made."""


class Exposure(NamedTuple):
    """The exposure over which the fall is taken.

    Parameters
    ----------
    sightings : float
        Its end, as a number of sightings.
    visibility : float
        Of a showing in a round; 0 for continuous time, or where it is not known.
    """

    sightings: float
    visibility: float

    def points(self, n_points: int) -> FloatArray:
        """Exposures from 0 to the end, both included: at most so many, and whole numbers of showings in rounds."""
        if self.visibility == 0:
            return np.linspace(0.0, self.sightings, n_points)
        last = max(1, round(self.sightings / self.visibility))
        return np.unique(np.rint(np.linspace(0, last, n_points))) * self.visibility


class HazardDecline(NamedTuple):
    """Draws of the fall and of its parts, in nats; arrays of shape (n_draws,).

    Parameters
    ----------
    fall : array
        `log h(0) - log h(end)`: log of the factor by which the hazard per sighting falls; negative where it rises.
    who, when : array
        The parts, whose sum it is.
    """

    fall: FloatArray
    who: FloatArray
    when: FloatArray


def counterfactual(
    tables: FloatArray, shares: FloatArray, exposure: Exposure, *, who: bool, when: bool
) -> tuple[FloatArray, FloatArray]:
    """Decision tables with a mechanism switched off, and the shares of their personas.

    Parameters
    ----------
    tables : array, shape (n_draws, n_personas, n_sightings)
        Decision tables.
    shares : array, shape (n_personas,)
        Share of each persona among the initially susceptible agents.
    exposure : Exposure
        Gives sightings their weights.
    who, when : bool
        Whether personas differ, and sightings do. Personas are made alike by their shares; sightings by the part that
        each has in what an agent sees that does not share.
    """
    if not when:
        weights = sighting_weights(exposure.sightings, tables.shape[2])
        tables = (tables @ weights)[:, :, None]
    if not who:
        return np.einsum("z,dzm->dm", shares, tables)[:, None, :], np.ones(1)
    return tables, shares


def decompose(tables: FloatArray, shares: FloatArray, exposure: Exposure) -> HazardDecline:
    """Attribute the fall of the hazard to who and when by their Shapley values.

    Parameters
    ----------
    tables : array, shape (n_draws, n_personas, n_sightings)
        Draws of the decision table.
    shares : array, shape (n_personas,)
        Share of each persona among the initially susceptible agents.
    exposure : Exposure
        Over which the fall is taken.

    Notes
    -----
    With S(a) the fall under the table in which only the mechanisms a are at work, `who = (S(who) - S(neither) + S(both)
    - S(when)) / 2` and `when = (S(when) - S(neither) + S(both) - S(who)) / 2`: what each adds, on average over the two
    orders in which they can be switched on. S(neither) is 0. Shapley (1953), Contributions to the Theory of Games II,
    307, doi:10.1515/9781400881970-018.

    Examples
    --------
    >>> tables = np.array([[[0.4, 0.1], [0.4, 0.1]]])  # personas alike
    >>> decline = decompose(tables, np.array([0.5, 0.5]), Exposure(5.0, 0.0))
    >>> bool(abs(decline.who) < 1e-12), bool(decline.when > 0.5)
    (True, True)
    """
    both, who, when = (
        _fall(*counterfactual(tables, shares, exposure, **on), exposure)
        for on in ({"who": True, "when": True}, {"who": True, "when": False}, {"who": False, "when": True})
    )
    return HazardDecline(both, 0.5 * (who + both - when), 0.5 * (when + both - who))


def hazard_curves(tables: FloatArray, shares: FloatArray, exposure: Exposure, interval: float) -> pd.DataFrame:
    """Hazard per sighting over exposure: as it is, with only who, and with only when.

    Parameters
    ----------
    tables, shares, exposure
        As in :func:`decompose`.
    interval : float
        Posterior mass of the central interval.

    Returns
    -------
    pandas.DataFrame
        Columns `table` (`both`, `who`, `when`), `sightings`, and `median`, `low`, `high` of the hazard, and `survival`
        (its median).
    """
    kept = tables[np.linspace(0, len(tables) - 1, min(len(tables), CURVE_DRAWS)).astype(int)]
    at = exposure.points(N_POINTS)
    outside = (1.0 - interval) / 2.0
    parts = []
    for name, on in (("both", (True, True)), ("who", (True, False)), ("when", (False, True))):
        changed, weights = counterfactual(kept, shares, exposure, who=on[0], when=on[1])
        curve = decision_curve(changed, weights, at, exposure.visibility)
        low, middle, high = np.quantile(curve.hazard, [outside, 0.5, 1.0 - outside], axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "table": name,
                    "sightings": at,
                    "median": middle,
                    "low": low,
                    "high": high,
                    "survival": np.median(curve.survival, axis=0),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _fall(tables: FloatArray, shares: FloatArray, exposure: Exposure) -> FloatArray:
    ends = exposure.points(2)
    chunks = [
        decision_curve(tables[start : start + _CHUNK], shares, ends, exposure.visibility).hazard
        for start in range(0, len(tables), _CHUNK)
    ]
    hazard = np.concatenate(chunks)
    return np.asarray(np.log(hazard[:, 0]) - np.log(hazard[:, -1]))
