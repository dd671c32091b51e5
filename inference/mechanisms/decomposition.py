"""Decomposition of the fall of the hazard: how much is due to who, and how much to when.

The probability that the next sighting persuades is averaged over the agents that have not shared. It falls as exposure
grows, for two reasons: agents that share readily have already shared (*who*), and later sightings persuade less
(*when*). Two rates describe this fall. It follows exactly from the decision table. So do the falls of three other
tables: with personas made alike, with sightings made alike, and with both made alike.

Where decisions depend on how many neighbours have shared, there is a third reason, the *cue*: at later sightings more
neighbours have shared. The table by persona and sighting is then the average over cues, with the part of each cue in
the decisions at that sighting; without the mechanism the cues have the same parts at all sightings.

Where personas belong to groups of agents, *who* has two parts: *between* groups, what is left of it when the personas
of a group are made alike, and *within* groups, the rest.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...models import decision_curve, sighting_weights

FloatArray = NDArray[np.float64]

_CHUNK = 250
"""Draws whose curves are computed at once."""
N_POINTS = 61
"""Points of each plotted curve."""
CURVE_DRAWS = 400
"""Posterior draws from which the plotted curves are made."""


class Exposure(NamedTuple):
    """The range of exposure over which the fall is measured.

    Parameters
    ----------
    sightings : float
        End of the range, as a number of sightings.
    visibility : float
        Probability that a showing is seen in a round; 0 for continuous time, or if it is unknown.
    """

    sightings: float
    visibility: float

    def points(self, n_points: int) -> FloatArray:
        """Return at most `n_points` exposures from 0 to the end, both included; whole showings in rounds."""
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
    who, when, cue : array
        The parts of the fall, which add up to it; `cue` is None where agents do not see how many have shared.
    between, within : array, optional
        The parts of who, which add up to it: between groups of agents, and within them. None without groups.
    """

    fall: FloatArray
    who: FloatArray
    when: FloatArray
    cue: FloatArray | None = None
    between: FloatArray | None = None
    within: FloatArray | None = None

    def by_name(self) -> dict[str, FloatArray]:
        """Return the fall and its parts by name."""
        return {name: values for name, values in self._asdict().items() if values is not None}


def over_cues(tables: FloatArray, cue_weights: FloatArray, exposure: Exposure, *, when: bool, cue: bool) -> FloatArray:
    """Average decision tables over cues, with mechanisms switched off.

    Parameters
    ----------
    tables : array, shape (n_draws, n_personas, n_sightings, n_cues)
        Decision tables.
    cue_weights : array, shape (n_sightings, n_cues)
        Part of each cue in the decisions at each sighting; rows sum to one.
    exposure : Exposure
        Determines the weights of the sightings, with which sightings are made alike.
    when, cue : bool
        Whether sightings differ in their probabilities, and whether they differ in how often each cue is seen.

    Returns
    -------
    array, shape (n_draws, n_personas, n_sightings)
    """
    weights = sighting_weights(exposure.sightings, tables.shape[2])
    if not when:
        tables = np.einsum("dzmk,m->dzk", tables, weights)[:, :, None, :]
    if not cue:
        cue_weights = np.broadcast_to(weights @ cue_weights, cue_weights.shape)
    return np.asarray((tables * cue_weights).sum(axis=3))


def counterfactual(
    tables: FloatArray, shares: FloatArray, exposure: Exposure, *, who: bool, when: bool
) -> tuple[FloatArray, FloatArray]:
    """Return decision tables with mechanisms switched off, and the shares of their personas.

    Parameters
    ----------
    tables : array, shape (n_draws, n_personas, n_sightings)
        Decision tables.
    shares : array, shape (n_personas,)
        Share of each persona among the initially susceptible agents.
    exposure : Exposure
        Determines the weights of the sightings.
    who, when : bool
        Whether personas differ, and whether sightings do. To make personas alike, their shares are used as weights. To
        make sightings alike, the weight of each is its part in all sightings of an agent that does not share.
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
        Range over which the fall is measured.

    Notes
    -----
    S(a) is the fall under the table in which only the mechanisms a act. The parts are `who = (S(who) - S(neither) +
    S(both) - S(when)) / 2` and `when = (S(when) - S(neither) + S(both) - S(who)) / 2`: what each mechanism adds,
    averaged over the two orders in which they can be switched on. S(neither) is 0. Shapley (1953), Contributions to the
    Theory of Games II, 307, doi:10.1515/9781400881970-018.

    Examples
    --------
    >>> tables = np.array([[[0.4, 0.1], [0.4, 0.1]]])  # personas alike
    >>> decline = decompose(tables, np.array([0.5, 0.5]), Exposure(5.0, 0.0))
    >>> bool(abs(decline.who) < 1e-12), bool(decline.when > 0.5)
    (True, True)
    """
    both, who, when = (
        _fall(*counterfactual(tables, shares, exposure, **active), exposure)
        for active in ({"who": True, "when": True}, {"who": True, "when": False}, {"who": False, "when": True})
    )
    return HazardDecline(both, 0.5 * (who + both - when), 0.5 * (when + both - who))


def decompose_with_cue(
    tables: FloatArray, shares: FloatArray, exposure: Exposure, cue_weights: FloatArray
) -> HazardDecline:
    """Attribute the fall of the hazard to who, when and cue by their Shapley values.

    Parameters
    ----------
    tables : array, shape (n_draws, n_personas, n_sightings, n_cues)
        Draws of the decision table.
    shares, exposure
        As in :func:`decompose`.
    cue_weights : array, shape (n_sightings, n_cues)
        Part of each cue in the decisions at each sighting; rows sum to one.

    Notes
    -----
    The value of a mechanism is what it adds, averaged over the six orders in which the three can be switched on.
    """
    players = ("who", "when", "cue")
    falls = {
        active: _fall(*_with(tables, shares, exposure, cue_weights, active), exposure)
        for size in range(4)
        for active in itertools.combinations(players, size)
    }
    parts = dict.fromkeys(players, np.zeros(len(tables)))
    for player in players:
        for active, fall in falls.items():
            if player not in active:
                added = tuple(name for name in players if name in active or name == player)
                orders = math.factorial(len(active)) * math.factorial(2 - len(active)) / 6
                parts[player] = parts[player] + orders * (falls[added] - fall)
    return HazardDecline(falls[players], **parts)


def _with(
    tables: FloatArray,
    shares: FloatArray,
    exposure: Exposure,
    cue_weights: FloatArray,
    active: tuple[str, ...],
) -> tuple[FloatArray, FloatArray]:
    flat = over_cues(tables, cue_weights, exposure, when="when" in active, cue="cue" in active)
    return counterfactual(flat, shares, exposure, who="who" in active, when=True)


def between_groups(
    tables: FloatArray, shares: FloatArray, groups: Sequence[str]
) -> tuple[FloatArray, FloatArray, list[str]]:
    """Make the personas of each group alike: a group has the mean of their probabilities, weighted by their shares.

    Parameters
    ----------
    tables : array, shape (n_draws, n_personas, n_sightings[, n_cues])
        Decision tables.
    shares : array, shape (n_personas,)
        Share of each persona among the initially susceptible agents.
    groups : sequence of str, length n_personas
        Group of each persona.

    Returns
    -------
    tables : array, shape (n_draws, n_groups, n_sightings[, n_cues])
        Decision tables with one row for each group.
    shares : array, shape (n_groups,)
        Share of each group.
    names : list of str
        Names of the groups, in order of appearance.

    Examples
    --------
    >>> tables, shares, names = between_groups(np.array([[[0.4], [0.2], [0.1]]]), np.array([0.25, 0.25, 0.5]), "aab")
    >>> tables.round(3).tolist(), shares.tolist(), names
    ([[[0.3], [0.1]]], [0.5, 0.5], ['a', 'b'])
    """
    names = list(dict.fromkeys(groups))
    member = np.array([[group == name for group in groups] for name in names], dtype=float)
    of_group = member @ shares
    weights = member * shares / of_group[:, None]
    return np.asarray(np.einsum("gz,dz...->dg...", weights, tables)), of_group, names


def split_who(
    decline: HazardDecline,
    tables: FloatArray,
    shares: FloatArray,
    exposure: Exposure,
    groups: Sequence[str],
    cue_weights: FloatArray | None = None,
) -> HazardDecline:
    """Split the part of who into a part between groups of agents and a part within them.

    Parameters
    ----------
    decline : HazardDecline
        The parts of the fall.
    tables, shares, exposure, cue_weights
        As in :func:`decompose`, or with weights of cues as in :func:`decompose_with_cue`.
    groups : sequence of str, length n_personas
        Group of each persona.

    Returns
    -------
    HazardDecline
        With `between` and `within`.

    Notes
    -----
    `between` is the part of who if the personas of each group are made alike: the weights of the groups among the
    agents that have not shared change with exposure, while each group stays as it was at the start. `within = who -
    between` is what the differences between personas of one group add. In each order of switching mechanisms on,
    *between* is switched on directly before *within*. With one persona in each group, `within` is 0.
    """
    alike, of_group, _ = between_groups(tables, shares, groups)
    if cue_weights is None:
        between = decompose(alike, of_group, exposure).who
    else:
        between = decompose_with_cue(alike, of_group, exposure, cue_weights).who
    return decline._replace(between=between, within=decline.who - between)


def hazard_curves(
    tables: FloatArray,
    shares: FloatArray,
    exposure: Exposure,
    interval: float,
    cue_weights: FloatArray | None = None,
) -> pd.DataFrame:
    """Compute the hazard per sighting over exposure: with all mechanisms, and with only one of them.

    Parameters
    ----------
    tables, shares, exposure
        As in :func:`decompose`, or with weights of cues as in :func:`decompose_with_cue`.
    cue_weights : array, shape (n_sightings, n_cues), optional
        As in :func:`decompose_with_cue`.
    interval : float
        Posterior mass of the central interval.

    Returns
    -------
    pandas.DataFrame
        Columns `table` (`both`, `who`, `when`, and with cues `cue`), `sightings`, `survival` (its median), and
        `median`, `low`, `high` of the hazard.
    """
    selected = tables[np.linspace(0, len(tables) - 1, min(len(tables), CURVE_DRAWS)).astype(int)]
    exposures = exposure.points(N_POINTS)
    outside = (1.0 - interval) / 2.0
    parts = []
    for name in ("both", "who", "when", *([] if cue_weights is None else ["cue"])):
        if cue_weights is None:
            altered, weights = counterfactual(selected, shares, exposure, who=name != "when", when=name != "who")
        else:
            active = ("who", "when", "cue") if name == "both" else (name,)
            altered, weights = _with(selected, shares, exposure, cue_weights, active)
        curve = decision_curve(altered, weights, exposures, exposure.visibility)
        low, middle, high = np.quantile(curve.hazard, [outside, 0.5, 1.0 - outside], axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "table": name,
                    "sightings": exposures,
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
