"""Times of the events of a Poisson process, drawn for a batch of events."""

import numpy as np
from numpy.typing import NDArray

from ..common.compiled import njit
from .streams import Stream, uniform


@njit("simulate")
def how_many_before(time: float, n_events: int, stream: Stream) -> int:
    """Draw the number of events before `time`, for a batch of events of which the last happens at time 1."""
    number = 0
    for _ in range(n_events - 1):
        number += uniform(stream) < time
    return number


@njit("simulate")
def time_of(number: int, n_events: int, stream: Stream) -> float:
    """Draw the time of event `number`, counted from 1, of `n_events` events before time 1; number 0 gives 0."""
    if number == 0:
        return 0.0
    times = np.empty(n_events)
    for i in range(n_events):
        times[i] = uniform(stream)
    return np.sort(times)[number - 1]


@njit("simulate")
def times_before(n_events: int, end: float, stream: Stream) -> NDArray[np.float64]:
    """Draw the times of events before `end`, in order, followed by `end` itself."""
    times = np.empty(n_events + 1)
    for i in range(n_events):
        times[i] = uniform(stream) * end
    times[n_events] = end
    return np.sort(times)


@njit("simulate")
def draw_times(times: NDArray[np.float64], rate: float, end: float, stream: Stream) -> int:
    """Fill `times` with the times of events at a rate, in order; return the number of those before `end`."""
    time = 0.0
    number = 0
    for i in range(times.size):
        time -= np.log(1.0 - uniform(stream)) / rate
        times[i] = time
        number += time <= end
    return number
