"""The period of a rhythm, where none is given: sought in the pace of the shares over time."""

import numpy as np
from numpy.typing import NDArray

from ...models.clock import Clock
from .observations import Transitions

FloatArray = NDArray[np.float64]

_TREND = 6
"""Terms of the polynomial that describes how the pace changes besides."""
_MIN_BINS, _MIN_CYCLES = 3, 4
"""Fewest bins in a period, and fewest periods in the data."""
_MAX_CANDIDATES = 120
_CLEAR = 25.0
"""By how much a rhythm must lower the weighted sum of squares. By chance four terms lower it by more in one of 20,000
data sets, and the best of a hundred periods in less than one of 100."""


def best_period(data: Transitions, clock: Clock) -> float | None:
    """Return the period with which two harmonics describe the pace of the shares best; None where none is clear.

    The pace in a bin of time is the number of shares over the exposure of all agents. Its logarithm is described by a
    polynomial and the harmonics, by least squares.

    Parameters
    ----------
    data : Transitions
        Observations with their exposure in bins of the axis `calendar`.
    clock : {"rounds", "continuous"}
        In rounds a period is a whole number of rounds.
    """
    if data.binned is None:
        return None
    gained = data.binned.end - data.binned.start
    shared = np.flatnonzero(data.weight * data.incidence > 0)
    n_bins = gained.shape[1]
    n_shared = np.bincount(gained[shared].argmax(axis=1), (data.weight * data.incidence)[shared], n_bins)
    exposure = (data.weight * data.n_susceptible) @ gained
    used = (n_shared > 0) & (exposure > 0)
    first = float((data.time - data.time_end).min())
    until = float(data.time.max()) if data.binned.until is None else data.binned.until
    # After that time bins have the same place.
    places = np.asarray(data.binned.bins.at)
    used &= places < 1.0
    at = first + (until - first) * places[used]
    if at.size < _TREND + 8:
        return None
    span = float(at.max() - at.min())
    periods = _candidates(span, float(np.diff(at).max()), clock)
    if not periods.size:
        return None
    root = np.sqrt(n_shared[used])
    pace = root * np.log(n_shared[used] / exposure[used])
    trend = root[:, None] * np.vander(2.0 * (at - at.min()) / span - 1.0, _TREND)
    angle = 2.0 * np.pi * at[:, None] / periods
    waves = np.stack([wave(h * angle) for h in (1, 2) for wave in (np.cos, np.sin)], axis=-1)
    without = _rest(trend, pace)
    taken_off = [without - _rest(np.hstack([trend, root[:, None] * waves[:, i]]), pace) for i in range(periods.size)]
    best = int(np.argmax(taken_off))
    # The longest period is the best where the pace has a trend that no period describes.
    is_clear = taken_off[best] > _CLEAR and best < periods.size - 1
    return float(periods[best]) if is_clear else None


def _candidates(span: float, width: float, clock: Clock) -> FloatArray:
    """Return the periods that the data could show."""
    low, high = _MIN_BINS * width, span / _MIN_CYCLES
    if high < low:
        return np.empty(0)
    periods = np.geomspace(low, high, _MAX_CANDIDATES)
    if clock == "continuous":
        return periods
    whole = np.arange(np.ceil(low), np.floor(high) + 1.0)
    return whole if whole.size <= _MAX_CANDIDATES else np.unique(np.rint(periods))


def _rest(columns: FloatArray, values: FloatArray) -> float:
    """Return the sum of squares that a least-squares fit leaves."""
    solution, *_ = np.linalg.lstsq(columns, values, rcond=None)
    return float(np.sum((values - columns @ solution) ** 2))
