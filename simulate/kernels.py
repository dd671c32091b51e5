"""The spreading process on the edges of a network, as machine code: synchronous rounds, and continuous time.

What is shown to whom is drawn from *pools*. The pool of edges holds the agent at the susceptible end of each edge to a
sharer, and every edge shows the post at the same rate. So those that do show it are a uniform draw from the pool, and
the work is that of what is shown, not that of all edges or agents. An edge whose agent has shared in the meantime
stays in the pool until it is drawn, or until such edges are too many, and is dropped then: what it would show changes
nothing.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from .streams import Stream, gamma, open_stream, uniform

SHARED = -1
NEW = -2
BLOCKED = -3
"""States of agents that are not susceptible: has shared, shares from the next round on, takes no part."""

_BATCH, _EVENTS, _AHEAD = 64, 32, 8
"""Edges looked up at once; events of continuous time drawn at once; how many agents ahead memory is asked for."""

_SPENT = 1.5
"""When the pool has so many times the edges that still lead to a susceptible agent, the others are cleared away."""


class Decisions(NamedTuple):
    """What agents do when they are shown the post; a state is a persona and a number of earlier sightings.

    Parameters
    ----------
    probabilities : array of float64, shape (n_tables, n_states)
        Probability of sharing, in each of the tables that hold one after the other.
    following : array of int64, shape (n_states,)
        State after a sighting that did not persuade.
    """

    probabilities: NDArray[np.float64]
    following: NDArray[np.int64]


class Schedule(NamedTuple):
    """What holds in each round; arrays of shape (rounds,).

    Parameters
    ----------
    table : array of int64
        Which of the tables of decisions.
    visibility, outside : array of float64
        Probability that an edge, and that the outside world, shows the post in a round; in continuous time the rates.
    """

    table: NDArray[np.int64]
    visibility: NDArray[np.float64]
    outside: NDArray[np.float64]


class Counts(NamedTuple):
    """What happened; row `t` of an array is time `t`, from 0 to the number of rounds.

    Parameters
    ----------
    infected, si_edges : array of int64, shape (rounds + 1,)
        Agents that have shared, and edges between a sharer and a susceptible agent, at that time.
    decisions, new_sharers : array of int64, shape (rounds + 1, n_states)
        Sightings since the time before of agents in each state, and how many of them persuaded.
    """

    infected: NDArray[np.int64]
    si_edges: NDArray[np.int64]
    decisions: NDArray[np.int64]
    new_sharers: NDArray[np.int64]


@intrinsic
def _prefetch(_context: Any, array: Any, index: Any) -> Any:
    """Ask for an element of an array before it is needed: in a large network most of the time is waiting for memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        call = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, number, number, number]),
            "llvm.prefetch.p0i8",
        )
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(call, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@njit(nogil=True, cache=True)
def _share(
    newly: NDArray[np.int32],
    n_newly: int,
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    state: NDArray[Any],
    pool: NDArray[np.int32],
    size: int,
) -> tuple[int, int]:
    """Let new sharers show the post to their neighbours; returns the size of the pool and the gain of edges."""
    gain = 0
    for i in range(n_newly):
        if i + 2 * _AHEAD < n_newly:
            _prefetch(indptr, newly[i + 2 * _AHEAD])
        if i + _AHEAD < n_newly:
            _prefetch(indices, indptr[newly[i + _AHEAD]])
        agent = newly[i]
        for edge in range(indptr[agent], indptr[agent + 1]):
            other = indices[edge]
            s = state[other]
            # Written whatever the state, and kept if it is susceptible: no branch that the processor would guess wrong.
            pool[size] = other
            size += s >= 0
            # An edge between two new sharers is counted when the first is let in, and taken back with the second.
            gain += 1 - 2 * (s == SHARED) - (s == BLOCKED)
        state[agent] = SHARED
    return size, gain


@njit(nogil=True, cache=True)
def _show(
    pool: NDArray[np.int32],
    size: int,
    chance: float,
    state: NDArray[Any],
    probabilities: NDArray[np.float64],
    following: NDArray[np.int64],
    decisions: NDArray[np.int64],
    new_sharers: NDArray[np.int64],
    newly: NDArray[np.int32],
    n_newly: int,
    stream: Stream,
) -> tuple[int, int]:
    """Show the post along each edge of the pool with the same chance; returns its size and the number of new sharers.

    The number of edges passed over before the next one that shows the post is geometric. Edges have their turn from
    the last to the first; so the place of one that is dropped goes to the last, which has had its turn.
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
                passed = np.log(1.0 - uniform(stream)) * scale
                position = position - int(passed) if passed < position else 0
            position -= 1
            if position < 0:
                break
            positions[n_shown] = position
            n_shown += 1
            _prefetch(state, pool[position])
        for i in range(n_shown):
            agent = pool[positions[i]]
            s = state[agent]
            if s >= 0:
                decisions[s] += 1
                if uniform(stream) >= probabilities[s]:
                    state[agent] = following[s]
                    continue
                new_sharers[s] += 1
                state[agent] = NEW
                newly[n_newly] = agent
                n_newly += 1
            size -= 1
            pool[positions[i]] = pool[size]
    return size, n_newly


@njit(nogil=True, cache=True)
def _clear(pool: NDArray[np.int32], size: int, state: NDArray[Any]) -> int:
    """Drop the edges whose agent has shared; returns the size of the pool."""
    kept = 0
    for i in range(size):
        agent = pool[i]
        pool[kept] = agent
        kept += state[agent] >= 0
    return kept


@njit(nogil=True, cache=True)
def _everybody(n_agents: int, schedule: Schedule) -> NDArray[np.int32]:
    """Return the pool of the outside world, which shows the post to every agent, if it does at all."""
    return np.arange(n_agents if schedule.outside.max() > 0.0 else 0).astype(np.int32)


@njit(nogil=True, cache=True)
def no_counts(n_rounds: int, n_states: int) -> Counts:
    """Return counts to be filled in."""
    return Counts(
        np.empty(n_rounds + 1, dtype=np.int64),
        np.empty(n_rounds + 1, dtype=np.int64),
        np.zeros((n_rounds + 1, n_states), dtype=np.int64),
        np.zeros((n_rounds + 1, n_states), dtype=np.int64),
    )


@njit(nogil=True, cache=True)
def spread_in_rounds(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    state: NDArray[Any],
    starters: NDArray[np.int32],
    decide: Decisions,
    schedule: Schedule,
    key: NDArray[np.uint64],
) -> Counts:
    """Run one replicate in synchronous rounds; `state` holds the state of each agent and is written over."""
    n_agents, n_rounds = state.size, schedule.table.size
    counts = no_counts(n_rounds, decide.following.size)
    stream = open_stream(key)
    # An edge enters the pool once, when the first of its ends shares; and one place is written to without being kept.
    pool = np.empty(indices.size // 2 + 1, dtype=np.int32)
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
        size, gain = _share(newly, n_newly, indptr, indices, state, pool, size)
        n_si += gain
        n_infected += n_newly
        counts.infected[t] = n_infected
        counts.si_edges[t] = n_si
        if t == n_rounds:
            break
        if size > _SPENT * n_si:
            size = _clear(pool, size, state)
        probabilities = decide.probabilities[schedule.table[t]]
        decisions, new_sharers = counts.decisions[t + 1], counts.new_sharers[t + 1]
        size, n_newly = _show(
            pool, size, schedule.visibility[t], state, probabilities, decide.following, decisions, new_sharers, newly,
            0, stream,
        )  # fmt: skip
        n_outsiders, n_newly = _show(
            outsiders, n_outsiders, schedule.outside[t], state, probabilities, decide.following, decisions,
            new_sharers, newly, n_newly, stream,
        )  # fmt: skip
    return counts


@njit(nogil=True, cache=True)
def _how_many_before(time: float, stream: Stream) -> int:
    """Draw how many events of a batch whose last comes at time 1 come before `time`."""
    number = 0
    for _ in range(_EVENTS - 1):
        number += uniform(stream) < time
    return number


@njit(nogil=True, cache=True)
def _time_of(number: int, n_events: int, stream: Stream) -> float:
    """Draw when the event of this number, counted from 1, comes of so many that come before time 1 (0: at 0)."""
    if number == 0:
        return 0.0
    times = np.empty(n_events)
    for i in range(n_events):
        times[i] = uniform(stream)
    return np.sort(times)[number - 1]


@njit(nogil=True, cache=True)
def spread_in_time(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    state: NDArray[Any],
    starters: NDArray[np.int32],
    decide: Decisions,
    schedule: Schedule,
    key: NDArray[np.uint64],
) -> Counts:
    """Run one replicate in continuous time, recorded at whole times; arguments as of `spread_in_rounds`.

    Events come as a Poisson process, and are on each edge of the pools alike. They are drawn some at once, on pools a
    little larger than they are, so that what they need can be asked for in memory; those on places that hold no edge
    mean nothing. Of the times only that of the last of them is drawn, which is a gamma variate; given that, those of
    the others are uniform before it, and drawn only when the interval ends before the last, or when the pool outgrows
    its places: then what is left is drawn anew, which a Poisson process does not notice.
    """
    n_rounds = schedule.table.size
    counts = no_counts(n_rounds, decide.following.size)
    stream = open_stream(key)
    pool = np.empty(indices.size // 2 + 1, dtype=np.int32)
    outsiders = _everybody(state.size, schedule)
    n_outsiders = outsiders.size
    n_infected = starters.size
    for agent in starters:
        state[agent] = NEW
    size, n_si = _share(starters, starters.size, indptr, indices, state, pool, 0)
    counts.infected[0], counts.si_edges[0] = n_infected, n_si
    sharer = np.empty(1, dtype=np.int32)
    at, who = np.empty(_EVENTS, dtype=np.int64), np.empty(_EVENTS, dtype=np.int64)
    pool[0] = pool[0] if size > 0 else 0
    for t in range(n_rounds):
        probabilities = decide.probabilities[schedule.table[t]]
        decisions, new_sharers = counts.decisions[t + 1], counts.new_sharers[t + 1]
        left = 1.0
        while left > 0.0:
            if size > _SPENT * n_si + _EVENTS:
                size = _clear(pool, size, state)
            places = min(size + size // 16 + 8, pool.size)
            near = places * schedule.visibility[t] if size > 0 else 0.0
            rate = near + n_outsiders * schedule.outside[t]
            if rate <= 0.0:
                break
            places_per_rate = places / near if near > 0.0 else 0.0
            for i in range(_EVENTS):
                # Places of the pool of edges count from 0 upwards, those of the outside world from -1 downwards.
                drawn = uniform(stream) * rate
                if drawn < near:
                    at[i] = min(int(drawn * places_per_rate), places - 1)
                    _prefetch(pool, at[i])
                else:
                    at[i] = -1 - min(int((drawn - near) / schedule.outside[t]), n_outsiders - 1)
                    _prefetch(outsiders, -1 - at[i])
            # Asked for whether it will be needed or not: guessing that wrong costs more.
            for i in range(_EVENTS):
                who[i] = pool[at[i] if 0 <= at[i] < size else 0]
                _prefetch(state, who[i])
                _prefetch(indptr, who[i])
            for i in range(_EVENTS):
                _prefetch(indices, indptr[who[i]])
            last = gamma(float(_EVENTS), stream) / rate
            due = _EVENTS if last <= left else _how_many_before(left / last, stream)
            n_used = due
            for i in range(due):
                if size > places:
                    n_used = i
                    break
                place = at[i]
                if place >= size or -1 - place >= n_outsiders:
                    continue
                agent = pool[place] if place >= 0 else outsiders[-1 - place]
                s = state[agent]
                if s >= 0:
                    decisions[s] += 1
                    if uniform(stream) >= probabilities[s]:
                        state[agent] = decide.following[s]
                        continue
                    new_sharers[s] += 1
                    n_infected += 1
                if place >= 0:
                    size -= 1
                    pool[place] = pool[size]
                else:
                    n_outsiders -= 1
                    outsiders[-1 - place] = outsiders[n_outsiders]
                if s >= 0:
                    sharer[0] = agent
                    size, gain = _share(sharer, 1, indptr, indices, state, pool, size)
                    n_si += gain
            if n_used < due:
                left -= min(left, last) * _time_of(n_used, due - 1 if due == _EVENTS else due, stream)
            else:
                left = left - last if due == _EVENTS else 0.0
        counts.infected[t + 1], counts.si_edges[t + 1] = n_infected, n_si
    return counts


@njit(nogil=True, cache=True)
def degrees_left(indptr: NDArray[np.int64], indices: NDArray[np.int32], state: NDArray[Any]) -> NDArray[np.int64]:
    """Count the neighbours that are not blocked, of each agent that is not blocked; -1 for those that are."""
    degrees = np.empty(state.size, dtype=np.int64)
    for agent in range(state.size):
        n = 0
        for edge in range(indptr[agent], indptr[agent + 1]):
            n += state[indices[edge]] != BLOCKED
        degrees[agent] = n if state[agent] != BLOCKED else -1
    return degrees
