"""The pace of a prediction: the weight that a structure gives to exposure at a time, or to shares of an age."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models import SIModel
from ...models.clock import Clock
from ...models.structures import (
    AGE,
    CALENDAR,
    ELAPSED,
    FRACTION,
    NEIGHBOUR_AXES,
    NEIGHBOUR_BINS,
    PHASE,
    Bins,
    Structure,
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Pacing:
    """Weights of the exposure under draws from a posterior.

    Parameters
    ----------
    structure : type of Structure
        What weights the exposure.
    values : mapping of array, shape (n_draws, 1)
        Parameter values by name, and the settings of the structure.
    first, last : float
        First time of the data that were fitted, and the last one at which their pace changes.
    period : float
        The period of a rhythm.
    """

    structure: type[Structure]
    values: Mapping[str, Any]
    first: float
    last: float
    period: float

    @property
    def by_age(self) -> bool:
        """Whether the weight is that of shares of an age."""
        return self.structure.axis == AGE

    @property
    def by_neighbours(self) -> bool:
        """Whether the weight is that of contact with so many sharing neighbours."""
        return self.structure.axis in NEIGHBOUR_AXES

    def at_neighbours(self, n_sharing: FloatArray, n_neighbours: FloatArray) -> FloatArray:
        """Return the weight of contact of agents with sharing neighbours; shape (n_draws, n_agents).

        Parameters
        ----------
        n_sharing : array, shape (n_agents,) or (n_draws, n_agents)
            Neighbours that have shared.
        n_neighbours : array, shape (n_agents,)
            All neighbours.
        """
        axis = self.structure.axis or ELAPSED
        value = np.atleast_2d(n_sharing) * (1.0 + 1e-9)
        if axis == FRACTION:
            value = value / np.maximum(n_neighbours, 1.0)
        number = np.searchsorted(NEIGHBOUR_BINS[axis], value, side="right") - 1.0
        return np.asarray(self.structure.weights(Bins(number, number, np.ones(1)), self.values))

    def at_time(self, elapsed: float, time: float) -> FloatArray:
        """Return the weight at a time since the start of the trajectory, which is a time of the data; (n_draws, 1)."""
        at = {
            ELAPSED: elapsed,
            PHASE: (time % self.period) / self.period,
            # Beyond the data the pace stays what it was at their end.
            CALENDAR: min(max((time - self.first) / max(self.last - self.first, 1e-300), 0.0), 1.0),
        }[self.structure.axis or ELAPSED]
        place = np.array([[at]])
        return self.structure.weights(Bins(place, place, np.ones(1)), self.values)

    def at_age(self, age: FloatArray, step: float) -> FloatArray:
        """Return the weight of shares of some ages during the next step; shape (n_draws, n_shares)."""
        return self.structure.weights(Bins(age, age, np.array([step])), self.values)

    def of_counts(
        self, times: FloatArray, begin: float, earlier: FloatArray, clock: Clock
    ) -> Callable[[int, NDArray[np.int64]], FloatArray]:
        """Return the factor on the exposure in each step of paths of counts.

        Parameters
        ----------
        times : array, shape (n_times,)
            Times of the data at which the paths have values.
        begin : float
            Time of the start of the trajectory.
        earlier : array, shape (n_earlier, 2)
            Times before the first of `times`, and the number that shared at each; the initial sharers first.
        clock : {"rounds", "continuous"}
            In rounds the weight of a step is that at its start.

        Returns
        -------
        callable
            Given the number of the step and the counts until its start, shape (n_draws, step + 1): the factors, shape
            (n_draws,).
        """
        later = 0.0 if clock == "rounds" else 0.5

        def factor(step: int, infected: NDArray[np.int64]) -> FloatArray:
            length = times[step + 1] - times[step]
            now = times[step] + later * length
            if not self.by_age:
                return self.at_time(now - begin, now)[:, 0]
            n_new = np.diff(infected[:, : step + 1], axis=1)
            shared_at = np.concatenate([earlier[:, 0], times[1 : step + 1] - later * np.diff(times[: step + 1])])
            known = np.broadcast_to(earlier[:, 1], (n_new.shape[0], len(earlier)))
            sharers = np.concatenate([known, n_new], axis=1)
            visible = sharers * self.at_age(now - shared_at[None, :], length)
            return visible.sum(axis=1) / np.maximum(sharers.sum(axis=1), 1)

        return factor


def pacing_of(
    posterior: Any, model: type[SIModel], values: Mapping[str, FloatArray], times: FloatArray
) -> Pacing | None:
    """Return the pace of a fit; None where its exposure is not weighted.

    Parameters
    ----------
    posterior : Posterior
        The fit.
    model : type of SIModel
        The fitted model.
    values : mapping of array, shape (n_draws,)
        Parameter values by name, rates per unit of the data's time.
    times : array
        Times of the data that were fitted.
    """
    structure = model.structure
    if structure is None or structure.axis is None:
        return None
    columns: dict[str, Any] = {name: value[:, None] for name, value in values.items()}
    settings = {name: float(posterior.attrs[name]) for name in ("period", "shelf_life") if name in posterior.attrs}
    if structure.setting is not None:
        # The weight is the same in all draws.
        columns = {**columns, structure.setting: np.full((next(iter(values.values())).size, 1), settings["shelf_life"])}
    # Files of earlier versions have a pace over all the time of the data.
    last = float(posterior.attrs.get("pace_until", times.max()))
    return Pacing(structure, columns, float(times.min()), last, settings.get("period", 1.0))
