"""Exposure in bins: of time, of the place in a period, of the age of what is seen, or of how many have shared.

A structure weights exposure by `g(t)` or `f(age)`, see :mod:`tworate.models.structures`. With the exposure gathered in
bins once, the weighted exposure is a sum over bins, whatever the parameters. In rounds a bin is one round where there
are not too many of them, and the sum is exact.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...common.compiled import njit
from ...models.clock import Clock
from ...models.structures import AGE, CALENDAR, ELAPSED, FRACTION, NEIGHBOUR_AXES, NEIGHBOUR_BINS, PHASE, Bins
from ...models.structures.base import Axis
from ...simulate.histories import EventHistories

FloatArray = NDArray[np.float64]

MAX_BINS, FEW_BINS = 40, 16
"""Largest number of bins of an axis; the smaller one is for more than `MANY_AGENTS` agents, to save memory."""
_NEARLY_ALL = 0.99
"""Share of the shares after which the pace is taken to stay the same."""
MANY_AGENTS = 200_000
_FINE = 24
"""Number of bins of a period in continuous time."""
_EXACT_AGES = 12
"""Number of first rounds of age that have a bin each."""


@dataclass(frozen=True)
class BinnedExposure:
    """Cumulative exposure of observations in bins.

    Parameters
    ----------
    axis : {"elapsed", "calendar", "phase", "age"}
        What the bins are of.
    bins : Bins
        The bins; `elapsed` and `age` in the unit of the data's time, see :class:`tworate.models.structures.Bins`.
    start, end : array, shape (n_observations, n_bins)
        Exposure at the start and the end of the interval of each observation.
    """

    axis: Axis
    bins: Bins
    start: FloatArray
    end: FloatArray

    until: float | None = None
    """Time of the data at the end of the axis `calendar`."""

    def scaled(self, window: float) -> Bins:
        """Return the bins in the units of structures, given the observed window."""
        unit = window if self.axis in (ELAPSED, AGE) else 1.0
        return Bins(*(np.asarray(values) / unit for values in self.bins))

    def take(self, rows: NDArray[np.int64]) -> "BinnedExposure":
        """Return some observations."""
        return replace(self, start=self.start[rows], end=self.end[rows])


@dataclass(frozen=True)
class BinLayout:
    """Bins of an axis, made of finer cells in a row.

    Parameters
    ----------
    axis : {"elapsed", "calendar", "phase", "age"}
        What the bins are of.
    edges : array, shape (n_cells + 1,)
        Ends of the cells: times, times since the start, or ages.
    bin_of_cell : array of int, shape (n_cells,)
        Bin of each cell; several cells of a period are one bin.
    bins : Bins
        The bins.
    until : float, optional
        Time of the data at the end of the axis `calendar`.
    """

    axis: Axis
    edges: FloatArray
    bin_of_cell: NDArray[np.int64]
    bins: Bins
    until: float | None = None

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.bins.at)


def bin_layout(
    axis: Axis,
    clock: Clock,
    start: float,
    end: float,
    period: float | None = None,
    max_bins: int = MAX_BINS,
    until: float | None = None,
) -> BinLayout:
    """Lay out bins.

    Parameters
    ----------
    axis : {"elapsed", "calendar", "phase", "age"}
        What the bins are of.
    clock : {"rounds", "continuous"}
        In rounds an exposure belongs to the round at whose start it was seen.
    start, end : float
        First and last time of the data; `elapsed` and `age` reach from 0 to the longest trajectory, `end - start`.
    period : float, optional
        The period, in the unit of the data's time; needed for `phase` only.
    max_bins : int
        Largest number of bins.
    until : float, optional
        End of the axis `calendar`: the pace stays the same after it. By default the last time.
    """
    if axis in NEIGHBOUR_AXES:
        lower, number = np.array(NEIGHBOUR_BINS[axis]), np.arange(len(NEIGHBOUR_BINS[axis]))
        return BinLayout(axis, np.append(lower, np.inf), number, Bins(number.astype(float), lower, np.ones(lower.size)))
    if axis == PHASE:
        return _of_period(clock, start, end, float(period or 1.0))
    low, high = (start, end) if axis == CALENDAR else (0.0, end - start)
    if clock == "rounds":
        rounds = np.arange(np.floor(low), np.ceil(high) + 1.0)
        edges = _thinned(rounds, axis, max_bins)
        width = np.diff(edges)
        # The weight of a bin of several rounds is that of their mean.
        at = edges[:-1] + 0.5 * (width - 1.0)
    else:
        edges = np.linspace(low, high, max_bins + 1)
        if axis == AGE:
            # Ages near 0 are the most common, and a share that fades fast has faded before the window ends.
            edges = (high - low) * np.linspace(0.0, 1.0, max_bins + 1) ** 2
        width = np.diff(edges)
        at = edges[:-1] + 0.5 * width
    lower = edges[:-1]
    if axis == CALENDAR:
        until = high if until is None else until
        span = max(until - low, np.finfo(float).tiny)
        at, lower, width = np.minimum((at - low) / span, 1.0), (lower - low) / span, width / span
    return BinLayout(axis, edges, np.arange(width.size), Bins(at, lower, width), until)


def _thinned(rounds: FloatArray, axis: Axis, max_bins: int) -> FloatArray:
    """Return ends of at most `max_bins` bins of whole rounds; the first ages keep a bin each."""
    if rounds.size - 1 <= max_bins:
        return rounds
    if axis != AGE:
        return np.unique(np.rint(np.linspace(rounds[0], rounds[-1], max_bins + 1)))
    later = np.rint(np.geomspace(_EXACT_AGES, rounds[-1], max_bins - _EXACT_AGES + 1))
    return np.unique(np.concatenate([np.arange(_EXACT_AGES), later]))


def _of_period(clock: Clock, start: float, end: float, period: float) -> BinLayout:
    if clock == "rounds":
        edges = np.arange(np.floor(start), np.ceil(end) + 1.0)
        place = np.round((edges[:-1] % period) / period, 12) % 1.0
        distinct, bin_of_cell = np.unique(place, return_inverse=True)
        if distinct.size <= MAX_BINS:
            return BinLayout(PHASE, edges, bin_of_cell, Bins(distinct, distinct, np.full(distinct.size, 1.0)))
        n_bins = MAX_BINS
    else:
        first, last = np.floor(start / period), np.ceil(end / period)
        edges = np.arange(first * _FINE, last * _FINE + 1.0) * (period / _FINE)
        place, n_bins = ((np.arange(edges.size - 1) + 0.5) % _FINE) / _FINE, _FINE
    bin_of_cell = np.minimum((place * n_bins + 1e-9).astype(np.int64), n_bins - 1)
    n_cells = np.maximum(np.bincount(bin_of_cell, minlength=n_bins), 1)
    at = np.bincount(bin_of_cell, weights=place, minlength=n_bins) / n_cells
    return BinLayout(PHASE, edges, bin_of_cell, Bins(at, np.arange(n_bins) / n_bins, np.full(n_bins, 1.0 / n_bins)))


@dataclass(frozen=True)
class Increments:
    """Intervals between observations of the count; arrays of shape (n_intervals,), those of a trajectory together.

    Parameters
    ----------
    path : array of int
        Number of the trajectory.
    start, end : array
        Times of the data at both ends.
    origin : array
        Time of the start of the trajectory.
    gained : array
        Exposure in the interval.
    new_before, infected : array
        Agents that shared in the interval before (in the first: the initial sharers), and all that had shared at the
        start.
    """

    path: NDArray[np.int64]
    start: FloatArray
    end: FloatArray
    origin: FloatArray
    gained: FloatArray
    new_before: NDArray[np.int64]
    infected: NDArray[np.int64]


def active_until(times: FloatArray, weights: NDArray[Any] | None = None) -> float:
    """Return the time by which nearly all shares have happened; later ones tell nothing of how the pace changes.

    Parameters
    ----------
    times : array
        Times of shares.
    weights : array, optional
        Number of shares at each time.
    """
    order = np.argsort(times)
    total = np.cumsum(np.ones(times.size) if weights is None else weights[order])
    until = float(times[order][np.searchsorted(total, _NEARLY_ALL * total[-1])])
    return until if until > times.min() else float(times.max())


def count_bins(increments: Increments, axis: Axis, clock: Clock, period: float | None = None) -> BinnedExposure:
    """Gather the exposure of counts in bins.

    By age, all sharers are taken to be seen by equally many susceptible agents, as in a well-mixed population.

    Parameters
    ----------
    increments : Increments
        All intervals.
    axis : {"elapsed", "calendar", "phase", "age"}
        What the bins are of.
    clock : {"rounds", "continuous"}
        In rounds the weight of an interval is that at its start.
    period : float, optional
        The period of the axis `phase`.
    """
    until = None
    if axis == AGE:
        bins, gained = _by_age(increments, clock)
    else:
        origin = increments.origin if axis == ELAPSED else 0.0
        at = increments.start if clock == "rounds" else 0.5 * (increments.start + increments.end)
        ends = (float(np.min(increments.start - origin)), float(np.max(increments.end - origin)))
        if axis == CALENDAR:
            until = active_until(increments.start, increments.new_before)
        bins, number = _by_time(axis, at - origin, ends, period, until)
        gained = np.zeros((increments.path.size, len(bins.at)))
        gained[np.arange(increments.path.size), number] = increments.gained
    end = np.cumsum(gained, axis=0)
    # The sum begins anew in each trajectory.
    first = np.flatnonzero(np.diff(increments.path, prepend=-1))
    before_first = np.vstack([np.zeros(gained.shape[1]), end])[first]
    end -= before_first[np.searchsorted(first, np.arange(increments.path.size), side="right") - 1]
    return BinnedExposure(axis, bins, end - gained, end, until)


def _by_time(
    axis: Axis, at: FloatArray, ends: tuple[float, float], period: float | None, until: float | None
) -> tuple[Bins, NDArray[np.int64]]:
    """Return bins of times between two ends, and the bin of each."""
    low, span = ends[0], max(ends[1] - ends[0], np.finfo(float).tiny)
    place = (at % period) / period if axis == PHASE and period else at
    distinct, number = np.unique(np.round(place, 12), return_inverse=True)
    if distinct.size > MAX_BINS:
        first, last = (0.0, 1.0) if axis == PHASE else (low, low + span)
        number = np.minimum(((place - first) / (last - first) * MAX_BINS).astype(np.int64), MAX_BINS - 1)
        number = np.unique(number, return_inverse=True)[1]
        distinct = np.bincount(number, place) / np.bincount(number)
    if axis == CALENDAR:
        distinct = np.minimum((distinct - low) / max((until or ends[1]) - low, np.finfo(float).tiny), 1.0)
    return Bins(distinct, distinct, np.full(distinct.size, span / distinct.size)), number.ravel()


def _by_age(increments: Increments, clock: Clock) -> tuple[Bins, FloatArray]:
    """Return bins of age, and the exposure of each interval in them, shared out by the numbers of sharers."""
    step = float(np.median(increments.end - increments.start))
    longest = float((increments.end - increments.origin).max())
    edges = step * _thinned(np.arange(np.ceil(longest / step) + 1.0), AGE, MAX_BINS)
    width = np.diff(edges)
    gained = np.zeros((increments.path.size, width.size))
    later = 0.0 if clock == "rounds" else 0.5
    for path in np.unique(increments.path):
        rows = np.flatnonzero(increments.path == path)
        start, length = increments.start[rows], increments.end[rows] - increments.start[rows]
        # In continuous time sharers of an interval shared at its middle, and are seen at the middle of a later one.
        shared_at = start - later * np.concatenate([[0.0], length[:-1]])
        age = (start + later * length)[:, None] - shared_at
        number = np.clip(np.searchsorted(edges, age * (1 + 1e-9), side="right") - 1, 0, width.size - 1)
        sharers = np.where(age >= 0, increments.new_before[rows], 0)
        part = increments.gained[rows] / np.maximum(increments.infected[rows], 1)
        for row in range(rows.size):
            own = np.bincount(number[row, : row + 1], sharers[row, : row + 1], minlength=width.size)
            gained[rows[row]] = part[row] * own
    at = edges[:-1] + (0.5 * (width - step) if clock == "rounds" else 0.5 * width)
    return Bins(at, edges[:-1], width), gained


def agent_bins(
    histories: EventHistories, number: int, layout: BinLayout, back: float, agents: NDArray[np.int64], scale: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Compute the exposure of agents in bins, until `back` before their share or the end, and in the last `back`.

    Parameters
    ----------
    histories : EventHistories
        Who shared when, and who is shown whose posts.
    number : int
        Number of the trajectory.
    layout : BinLayout
        The bins.
    back : float
        Length of the interval in which a share was decided.
    agents : array of int, shape (n,)
        Agents.
    scale : array, shape (n_agents,)
        What the weight of sharing neighbours is divided by.

    Returns
    -------
    before, gained : array, shape (n, n_bins)
        The second is 0 where an agent did not share: its exposure counts until the end.
    """
    network, start = histories.network_of(number), float(histories.starts[number])
    weights = np.ones(network.indices.size) if network.weights is None else network.weights
    shape = (network.n_agents, network.n_agents)
    # Columns of the matrix of edges are what leads to an agent.
    incoming = sparse.csr_matrix((weights, network.indices, network.indptr), shape=shape).tocsc()
    # Times of elapsed bins are since the start.
    origin = start if layout.axis == ELAPSED else 0.0
    share_time, end = histories.share_times(number) - origin, float(histories.ends[number]) - origin
    if layout.axis in NEIGHBOUR_AXES:
        before, gained = _by_neighbours(
            incoming.indptr, incoming.indices, incoming.data, share_time, end, back, agents, layout.edges,
            layout.axis == FRACTION,
        )  # fmt: skip
        return before / scale[agents, None], gained / scale[agents, None]
    before, gained = _binned(
        incoming.indptr, incoming.indices, incoming.data, share_time, end, back, agents, layout.edges,
        layout.bin_of_cell, layout.n_bins, layout.axis == AGE,
    )  # fmt: skip
    return before / scale[agents, None], gained / scale[agents, None]


@njit("inference/data")
def _add(total, row, low, high, weight, edges, bin_of_cell):  # type: ignore[no-untyped-def]
    """Add an exposure that lasted from `low` to `high` to the bins of a row."""
    if high <= low:
        return
    cell = max(np.searchsorted(edges, low, side="right") - 1, 0)
    while cell < bin_of_cell.size and edges[cell] < high:
        overlap = min(edges[cell + 1], high) - max(edges[cell], low)
        if overlap > 0.0:
            total[row, bin_of_cell[cell]] += weight * overlap
        cell += 1


@njit("inference/data")
def _binned(indptr, indices, weights, share_time, end, back, agents, edges, bin_of_cell, n_bins, by_age):  # type: ignore[no-untyped-def]
    before, gained = np.zeros((agents.size, n_bins)), np.zeros((agents.size, n_bins))
    for row in range(agents.size):
        agent = agents[row]
        has_shared = share_time[agent] <= end
        own_end = min(share_time[agent], end)
        decided = own_end - back if has_shared else own_end
        for edge in range(indptr[agent], indptr[agent + 1]):
            shared = share_time[indices[edge]]
            if shared >= own_end:
                continue
            origin = shared if by_age else 0.0
            low, middle, high = shared - origin, max(decided, shared) - origin, own_end - origin
            _add(before, row, low, middle, weights[edge], edges, bin_of_cell)
            _add(gained, row, middle, high, weights[edge], edges, bin_of_cell)
    return before, gained


@njit("inference/data")
def _by_neighbours(indptr, indices, weights, share_time, end, back, agents, edges, as_fraction):  # type: ignore[no-untyped-def]
    """Compute exposure in bins of the number, or the fraction, of the neighbours that had shared at the time."""
    n_bins = edges.size - 1
    before, gained = np.zeros((agents.size, n_bins)), np.zeros((agents.size, n_bins))
    for row in range(agents.size):
        agent = agents[row]
        first, n_neighbours = indptr[agent], indptr[agent + 1] - indptr[agent]
        has_shared = share_time[agent] <= end
        own_end = min(share_time[agent], end)
        decided = own_end - back if has_shared else own_end
        shared = share_time[indices[first : first + n_neighbours]]
        order = np.argsort(shared)
        weight = 0.0
        for place in range(n_neighbours):
            low = shared[order[place]]
            if low >= own_end:
                break
            weight += weights[first + order[place]]
            high = min(shared[order[place + 1]], own_end) if place + 1 < n_neighbours else own_end
            # Rounding must not lower a fraction below the end of a bin.
            value = (place + 1.0) * (1.0 + 1e-9) / (n_neighbours if as_fraction else 1.0)
            number = np.searchsorted(edges, value, side="right") - 1
            middle = min(max(decided, low), high)
            before[row, number] += weight * (middle - low)
            gained[row, number] += weight * (high - middle)
    return before, gained
