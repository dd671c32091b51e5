"""The spreading process on the edges of a network, compiled to machine code: synchronous rounds, and continuous time.

The process draws who is shown the post from *pools*. The pool of edges contains the agent at the susceptible end of
each edge to a sharer. All edges show the post at the same rate, so the edges that show it are a uniform draw from the
pool. The work is therefore proportional to the number of sightings, not to the number of edges or agents. If an agent
has shared in the meantime, its edge stays in the pool until the edge is drawn, or until there are too many such edges.
Then it is dropped. Such an edge does not change the result.

Where what a share shows depends on its age, the pool also has the time at which each edge entered it, which is the time
at which its sharer shared. Sightings are then drawn as if all shares were new, and those that do not happen are left
out; see :mod:`tworate.simulate.thinning`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..common.compiled import njit
from .event_times import draw_times, how_many_before, time_of, times_before
from .prefetching import prefetch
from .streams import Stream, gamma, open_stream, uniform
from .thinning import Thinning, depends_on_age, is_seen

SHARED = -1
NEW = -2
BLOCKED = -3
"""States of agents that are not susceptible: has shared, shares from the next round on, is blocked."""

_BATCH, _EVENTS, _AHEAD = 64, 32, 8
"""Edges looked up at once; events of continuous time drawn at once; number of agents by which a prefetch is ahead."""

_SPENT = 1.5
"""Largest ratio of all edges in the pool to those to susceptible agents; above it the other edges are dropped."""


class Decisions(NamedTuple):
    """Decisions of agents that are shown the post; a state is a persona and a number of earlier sightings.

    A cell is a state, and with a cue a state and the bin of the number of neighbours that have shared.

    Parameters
    ----------
    probabilities : array of float64, shape (n_tables, n_cells)
        Probability of sharing, in each of the tables, which apply one after the other.
    following : array of int64, shape (n_states,)
        State after a sighting that did not persuade.
    cue : array of int64, shape (n_numbers,)
        Bin of 0, 1, … neighbours that have shared; the last entry holds for more. Empty without a cue.
    """

    probabilities: NDArray[np.float64]
    following: NDArray[np.int64]
    cue: NDArray[np.int64]


class Schedule(NamedTuple):
    """Settings of each round; arrays of shape (rounds,).

    Parameters
    ----------
    table : array of int64
        Index of the table of decisions.
    visibility, outside : array of float64
        Probability that an edge, or the outside world, shows the post in a round; in continuous time the rate. Of an
        edge it is the largest, of which sightings are thinned.
    """

    table: NDArray[np.int64]
    visibility: NDArray[np.float64]
    outside: NDArray[np.float64]


class Counts(NamedTuple):
    """Counts of a replicate; row `t` of an array is time `t`, from 0 to the number of rounds.

    Parameters
    ----------
    infected, si_edges : array of int64, shape (rounds + 1,)
        Agents that have shared, and edges between a sharer and a susceptible agent, at that time. They include sharers
        whose share has faded.
    decisions, new_sharers : array of int64, shape (rounds + 1, n_cells)
        Sightings of agents in each cell since the previous time, and how many of them persuaded.
    """

    infected: NDArray[np.int64]
    si_edges: NDArray[np.int64]
    decisions: NDArray[np.int64]
    new_sharers: NDArray[np.int64]


@njit("simulate")
def cell_of(decide: Decisions, state: int, n_sharers: int) -> int:
    """Return the cell of a decision in a state, made when so many neighbours have shared."""
    n_cues = decide.probabilities.shape[1] // decide.following.size
    return state * n_cues + decide.cue[min(n_sharers, decide.cue.size - 1)]


@njit("simulate")
def _share(
    newly: NDArray[np.int32],
    n_newly: int,
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    state: NDArray[Any],
    pool: NDArray[np.int32],
    size: int,
    entered: NDArray[np.float64],
    time: float,
    n_sharing: NDArray[np.int32],
) -> tuple[int, int]:
    """Add the edges of new sharers to the pool; return its size and the gain of susceptible-sharer edges.

    The time is written to `entered`, shape (n_places,), or nothing is written if it is empty. `n_sharing`, the number
    of neighbours of each agent that have shared, grows too, unless it is empty.
    """
    gain = 0
    first = size
    for i in range(n_newly):
        if i + 2 * _AHEAD < n_newly:
            prefetch(indptr, newly[i + 2 * _AHEAD])
        if i + _AHEAD < n_newly:
            prefetch(indices, indptr[newly[i + _AHEAD]])
        agent = newly[i]
        if n_sharing.size > 0:
            for edge in range(indptr[agent], indptr[agent + 1]):
                n_sharing[indices[edge]] += 1
        for edge in range(indptr[agent], indptr[agent + 1]):
            other = indices[edge]
            s = state[other]
            # The agent is always written but counts only if it is susceptible. This avoids mispredicted branches.
            pool[size] = other
            size += s >= 0
            # An edge between two new sharers is added with the first sharer and subtracted with the second.
            gain += 1 - 2 * (s == SHARED) - (s == BLOCKED)
        state[agent] = SHARED
    if entered.size > 0:
        entered[first:size] = time
    return size, gain


@njit("simulate")
def _show(
    pool: NDArray[np.int32],
    size: int,
    chance: float,
    state: NDArray[Any],
    probabilities: NDArray[np.float64],
    decide: Decisions,
    decisions: NDArray[np.int64],
    new_sharers: NDArray[np.int64],
    newly: NDArray[np.int32],
    n_newly: int,
    stream: Stream,
    entered: NDArray[np.float64],
    time: float,
    thinning: Thinning,
    n_sharing: NDArray[np.int32],
) -> tuple[int, int]:
    """Show the post along each edge of the pool with probability `chance`; return its size and the new sharers.

    The number of edges that are skipped before the next one that shows the post is geometric. Edges are visited from
    the last to the first. So the last edge, which was visited already, takes the place of an edge that is dropped.
    """
    if chance <= 0.0:
        return size, n_newly
    scale = 1.0 / np.log1p(-chance) if chance < 1.0 else 0.0
    positions = np.empty(_BATCH, dtype=np.int64)
    position = size
    while position > 0:
        n_shown = 0
        while n_shown < _BATCH:
            if scale < 0.0:
                skipped = np.log(1.0 - uniform(stream)) * scale
                position = position - int(skipped) if skipped < position else 0
            position -= 1
            if position < 0:
                break
            positions[n_shown] = position
            n_shown += 1
            prefetch(state, pool[position])
            if n_sharing.size > 0:
                prefetch(n_sharing, pool[position])
        for i in range(n_shown):
            agent = pool[positions[i]]
            s = state[agent]
            if entered.size > 0 and s >= 0:
                age = time - entered[positions[i]]
                if age >= thinning.shelf_life:
                    # Dropped like an edge whose agent has shared.
                    s = SHARED
                elif not is_seen(thinning, time, age, stream):
                    continue
            if s >= 0:
                cell = cell_of(decide, s, n_sharing[agent]) if n_sharing.size > 0 else np.int64(s)
                decisions[cell] += 1
                if uniform(stream) >= probabilities[cell]:
                    state[agent] = decide.following[s]
                    continue
                new_sharers[cell] += 1
                state[agent] = NEW
                newly[n_newly] = agent
                n_newly += 1
            size -= 1
            pool[positions[i]] = pool[size]
            if entered.size > 0:
                entered[positions[i]] = entered[size]
    return size, n_newly


@njit("simulate")
def _clear(pool: NDArray[np.int32], size: int, state: NDArray[Any], entered: NDArray[np.float64]) -> int:
    """Drop the edges whose agent has shared; return the size of the pool."""
    new_size = 0
    for i in range(size):
        agent = pool[i]
        pool[new_size] = agent
        if entered.size > 0:
            entered[new_size] = entered[i]
        new_size += state[agent] >= 0
    return new_size


@njit("simulate")
def _everybody(n_agents: int, schedule: Schedule) -> NDArray[np.int32]:
    """Return the pool of the outside world: all agents, or none if the outside world never shows the post."""
    return np.arange(n_agents if schedule.outside.max() > 0.0 else 0).astype(np.int32)


@njit("simulate")
def no_counts(n_rounds: int, n_cells: int) -> Counts:
    """Return empty counts."""
    return Counts(
        np.empty(n_rounds + 1, dtype=np.int64),
        np.empty(n_rounds + 1, dtype=np.int64),
        np.zeros((n_rounds + 1, n_cells), dtype=np.int64),
        np.zeros((n_rounds + 1, n_cells), dtype=np.int64),
    )


@njit("simulate")
def spread_in_rounds(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    state: NDArray[Any],
    starters: NDArray[np.int32],
    decide: Decisions,
    schedule: Schedule,
    thinning: Thinning,
    key: NDArray[np.uint64],
    share_time: NDArray[np.float64],
) -> Counts:
    """Run one replicate in synchronous rounds.

    `state` holds the state of each agent and is overwritten. The time at which an agent shared is written to
    `share_time`, shape (n_agents,), or nothing is written if it is empty.
    """
    n_agents, n_rounds = state.size, schedule.table.size
    counts = no_counts(n_rounds, decide.probabilities.shape[1])
    stream = open_stream(key)
    n_sharing = np.zeros(n_agents if decide.cue.size > 0 else 0, dtype=np.int32)
    # An edge enters the pool once, when its first end shares. One more place may be written without being counted.
    pool = np.empty(indices.size // 2 + 1, dtype=np.int32)
    entered = np.empty(pool.size if depends_on_age(thinning) else 0)
    ageless = np.empty(0)
    size = 0
    outsiders = _everybody(n_agents, schedule)
    n_outsiders = outsiders.size
    newly = np.empty(n_agents, dtype=np.int32)
    newly[: starters.size] = starters
    for agent in starters:
        state[agent] = NEW
    n_newly = starters.size
    n_infected = 0
    n_si = 0
    for t in range(n_rounds + 1):
        size, gain = _share(newly, n_newly, indptr, indices, state, pool, size, entered, t, n_sharing)
        if share_time.size > 0:
            for i in range(n_newly):
                share_time[newly[i]] = t
        n_si += gain
        n_infected += n_newly
        counts.infected[t] = n_infected
        counts.si_edges[t] = n_si
        if t == n_rounds:
            break
        if size > _SPENT * n_si:
            size = _clear(pool, size, state, entered)
        probabilities = decide.probabilities[schedule.table[t]]
        decisions, new_sharers = counts.decisions[t + 1], counts.new_sharers[t + 1]
        size, n_newly = _show(
            pool, size, schedule.visibility[t], state, probabilities, decide, decisions, new_sharers, newly,
            0, stream, entered, t, thinning, n_sharing,
        )  # fmt: skip
        n_outsiders, n_newly = _show(
            outsiders, n_outsiders, schedule.outside[t], state, probabilities, decide, decisions,
            new_sharers, newly, n_newly, stream, ageless, t, thinning, n_sharing,
        )  # fmt: skip
    return counts


@njit("simulate")
def spread_in_time(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    state: NDArray[Any],
    starters: NDArray[np.int32],
    decide: Decisions,
    schedule: Schedule,
    thinning: Thinning,
    key: NDArray[np.uint64],
    share_time: NDArray[np.float64],
    time_key: NDArray[np.uint64],
) -> Counts:
    """Run one replicate in continuous time, counted at whole times; arguments as in `spread_in_rounds`.

    Events form a Poisson process with the same rate on each edge of the pools. Events are drawn in batches, so that the
    memory that they need can be prefetched. The draw includes some more places than the pool has edges; an event on a
    place without an edge has no effect. Only the time of the last event of a batch is drawn, a gamma variate. Given
    that time, the other times are uniform before it. They are drawn only if the interval ends before the last event, or
    if the pool outgrows its places. In the second case the remaining events are drawn again, which is valid because a
    Poisson process has no memory. Exact times of shares have a stream of their own, `time_key`: recording them does not
    change the spread. Where sightings are thinned, all times of a batch are drawn at first.
    """
    n_rounds = schedule.table.size
    counts = no_counts(n_rounds, decide.probabilities.shape[1])
    stream = open_stream(key)
    n_sharing = np.zeros(state.size if decide.cue.size > 0 else 0, dtype=np.int32)
    pool = np.empty(indices.size // 2 + 1, dtype=np.int32)
    entered = np.empty(pool.size if depends_on_age(thinning) else 0)
    is_thinned = entered.size > 0 or thinning.log_pace.size > 0
    outsiders = _everybody(state.size, schedule)
    n_outsiders = outsiders.size
    n_infected = starters.size
    for agent in starters:
        state[agent] = NEW
    size, n_si = _share(starters, starters.size, indptr, indices, state, pool, 0, entered, 0.0, n_sharing)
    counts.infected[0], counts.si_edges[0] = n_infected, n_si
    sharer = np.empty(1, dtype=np.int32)
    clock = open_stream(time_key)
    recent, place_of_recent = np.empty(_EVENTS, dtype=np.int32), np.empty(_EVENTS, dtype=np.int64)
    if share_time.size > 0:
        share_time[starters] = 0.0
    event_times = np.empty(_EVENTS)
    drawn_places, drawn_agents = np.empty(_EVENTS, dtype=np.int64), np.empty(_EVENTS, dtype=np.int64)
    pool[0] = pool[0] if size > 0 else 0
    for t in range(n_rounds):
        probabilities = decide.probabilities[schedule.table[t]]
        decisions, new_sharers = counts.decisions[t + 1], counts.new_sharers[t + 1]
        remaining = 1.0
        while remaining > 0.0:
            if size > _SPENT * n_si + _EVENTS:
                size = _clear(pool, size, state, entered)
            places = min(size + size // 16 + 8, pool.size)
            near = places * schedule.visibility[t] if size > 0 else 0.0
            rate = near + n_outsiders * schedule.outside[t]
            if rate <= 0.0:
                break
            places_per_rate = places / near if near > 0.0 else 0.0
            for i in range(_EVENTS):
                # Places in the pool of edges are numbered 0, 1, …; those of the outside world -1, -2, …
                drawn = uniform(stream) * rate
                if drawn < near:
                    drawn_places[i] = min(int(drawn * places_per_rate), places - 1)
                    prefetch(pool, drawn_places[i])
                else:
                    drawn_places[i] = -1 - min(int((drawn - near) / schedule.outside[t]), n_outsiders - 1)
                    prefetch(outsiders, -1 - drawn_places[i])
            # The prefetch is unconditional, because a mispredicted branch costs more.
            for i in range(_EVENTS):
                drawn_agents[i] = pool[drawn_places[i] if 0 <= drawn_places[i] < size else 0]
                prefetch(state, drawn_agents[i])
                if n_sharing.size > 0:
                    prefetch(n_sharing, drawn_agents[i])
                prefetch(indptr, drawn_agents[i])
            for i in range(_EVENTS):
                prefetch(indices, indptr[drawn_agents[i]])
            now = t + 1.0 - remaining
            if is_thinned:
                due = draw_times(event_times, rate, remaining, stream)
                last = event_times[-1]
            else:
                last = gamma(float(_EVENTS), stream) / rate
                due = _EVENTS if last <= remaining else how_many_before(remaining / last, _EVENTS, stream)
            n_used = due
            n_recent = 0
            for i in range(due):
                if size > places:
                    n_used = i
                    break
                place = drawn_places[i]
                if place >= size or -1 - place >= n_outsiders:
                    continue
                agent = pool[place] if place >= 0 else outsiders[-1 - place]
                s = state[agent]
                if is_thinned and place >= 0 and s >= 0:
                    time = now + event_times[i]
                    age = time - entered[place] if entered.size > 0 else 0.0
                    if age >= thinning.shelf_life:
                        s = SHARED
                    elif not is_seen(thinning, time, age, stream):
                        continue
                if s >= 0:
                    cell = cell_of(decide, s, n_sharing[agent]) if n_sharing.size > 0 else np.int64(s)
                    decisions[cell] += 1
                    if uniform(stream) >= probabilities[cell]:
                        state[agent] = decide.following[s]
                        continue
                    new_sharers[cell] += 1
                    n_infected += 1
                if place >= 0:
                    size -= 1
                    pool[place] = pool[size]
                    if entered.size > 0:
                        entered[place] = entered[size]
                else:
                    n_outsiders -= 1
                    outsiders[-1 - place] = outsiders[n_outsiders]
                if s >= 0:
                    recent[n_recent], place_of_recent[n_recent] = agent, i
                    n_recent += 1
                    sharer[0] = agent
                    time = now + event_times[i] if is_thinned else now
                    size, gain = _share(sharer, 1, indptr, indices, state, pool, size, entered, time, n_sharing)
                    n_si += gain
            elapsed = remaining
            if is_thinned:
                if n_used < due:
                    elapsed = event_times[n_used - 1] if n_used > 0 else 0.0
                elif due == _EVENTS:
                    elapsed = last
            elif n_used < due:
                elapsed = min(remaining, last) * time_of(n_used, due - 1 if due == _EVENTS else due, stream)
            elif due == _EVENTS:
                elapsed = last
            if share_time.size > 0 and n_recent > 0:
                # The last event ends the batch, unless the interval ended first.
                n_before = n_used if n_used == due < _EVENTS else n_used - 1
                times = event_times if is_thinned else times_before(n_before, elapsed, clock)
                for i in range(n_recent):
                    share_time[recent[i]] = now + times[place_of_recent[i]]
            remaining -= elapsed
        counts.infected[t + 1], counts.si_edges[t + 1] = n_infected, n_si
    return counts


@njit("simulate")
def degrees_left(indptr: NDArray[np.int64], indices: NDArray[np.int32], state: NDArray[Any]) -> NDArray[np.int64]:
    """Count the neighbours that are not blocked, for each agent; blocked agents have -1."""
    degrees = np.empty(state.size, dtype=np.int64)
    for agent in range(state.size):
        n = 0
        for edge in range(indptr[agent], indptr[agent + 1]):
            n += state[indices[edge]] != BLOCKED
        degrees[agent] = n if state[agent] != BLOCKED else -1
    return degrees
