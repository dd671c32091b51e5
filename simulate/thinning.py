"""Thinning: of the sightings that are drawn at the highest visibility, those that happen at the pace of the spread."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..common.compiled import njit
from .pace import Pace
from .streams import Stream, uniform

STEPS = 64
"""Steps of a unit of time at which weights are tabulated."""

_SMALLEST = np.finfo(float).tiny


class Thinning(NamedTuple):
    """What thins the sightings; an array is empty where nothing does.

    Between steps the logarithms are interpolated linearly. That is exact for `exp(-t/τ)`. The relative error of a
    rhythm with amplitude `b` is below `0.0013 b / period²`, that of ageing by a power law below `0.00004 / τ²`.

    Parameters
    ----------
    log_pace : array of float64, shape (rounds * STEPS + 1,)
        Logarithm of `g`, at each step since the start; only in continuous time, because it does not change in a round.
    log_peak : array of float64, shape (rounds,)
        The largest of these in each unit of time.
    log_fading : array of float64, shape (rounds * STEPS + 1,)
        Logarithm of `f` of the age of a share, at each step, without the shelf life.
    shelf_life : float
        Age at which a share is seen no more; may be infinite.
    """

    log_pace: NDArray[np.float64]
    log_peak: NDArray[np.float64]
    log_fading: NDArray[np.float64]
    shelf_life: float


def make_thinning(pace: Pace | None, rounds: int, clock: str) -> tuple[NDArray[np.float64], Thinning]:
    """Return the weight of the visibility in each round, shape (rounds,), and what thins the sightings beyond it.

    In rounds the weight is `g` at the start of the round. In continuous time it is the largest `g` in a unit of time.
    """
    nothing = np.empty(0)
    if pace is None:
        return np.ones(rounds), Thinning(nothing, nothing, nothing, np.inf)
    steps = np.arange(rounds * STEPS + 1) / STEPS
    log_fading = nothing if pace.fading is None else _log(pace.fading_weight(steps))
    shelf_life = np.inf if pace.shelf_life is None else float(pace.shelf_life)
    if clock == "rounds" or not pace.changes_with_time:
        return pace.time_weight(np.arange(rounds)), Thinning(nothing, nothing, log_fading, shelf_life)
    log_pace = _log(pace.time_weight(steps))
    log_peak = np.maximum(log_pace[:-1].reshape(rounds, STEPS).max(axis=1), log_pace[STEPS::STEPS])
    return np.exp(log_peak), Thinning(log_pace, log_peak, log_fading, shelf_life)


@njit("simulate")
def depends_on_age(thinning: Thinning) -> bool:
    """Return whether it matters how long ago a sharer has shared."""
    return thinning.log_fading.size > 0 or thinning.shelf_life < np.inf


@njit("simulate")
def is_seen(thinning: Thinning, time: float, age: float, stream: Stream) -> bool:
    """Draw whether a sighting happens, of a share of this age that is below the shelf life."""
    log_weight = 0.0
    if thinning.log_pace.size > 0:
        unit = min(int(time), thinning.log_peak.size - 1)
        log_weight += _interpolated(thinning.log_pace, time) - thinning.log_peak[unit]
    if thinning.log_fading.size > 0:
        log_weight += _interpolated(thinning.log_fading, age)
    return log_weight >= 0.0 or uniform(stream) < np.exp(log_weight)


@njit("simulate")
def _interpolated(values: NDArray[np.float64], time: float) -> float:
    place = time * STEPS
    step = min(int(place), values.size - 2)
    return values[step] + (place - step) * (values[step + 1] - values[step])


def _log(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    # A weight of 0 would have a logarithm that cannot be interpolated; nothing is seen at this weight either.
    return np.log(np.maximum(weight, _SMALLEST))
