"""Random networks in which every agent has the same number of neighbours."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_PATIENCE = 2_000
"""Exchanges tried for one bad edge before the pairing is drawn anew: only the smallest networks ever need it."""

_FEW = 32
"""As in `inspection`: with more neighbours, marks are faster than comparing all pairs."""

_BLOCK = 64
"""Neighbours compared at once."""


def regular_neighbours(n_agents: int, degree: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Draw the neighbours of every agent in a random regular network.

    Parameters
    ----------
    n_agents, degree : int
        Agents and neighbours of each, `0 <= degree < n_agents`, with an even product below 2^31.
    rng : Generator
        Source of randomness.

    Returns
    -------
    array of int32, shape (n_agents * degree,)
        Neighbours agent by agent, in no order.

    Notes
    -----
    Every agent has `degree` stubs; they are paired uniformly at random (Bollobás 1980,
    doi:10.1016/S0195-6698(80)80030-8), which makes on average about `(k - 1) / 2` loops and `(k - 1)² / 4` repeated
    edges, whatever the number of agents. Each of them exchanges an end with a random edge, until none is left (as
    McKay & Wormald 1990, doi:10.1016/0196-6774(90)90029-E, who also reject, to be exact). Then random edges exchange
    ends: a Markov chain whose stationary law is uniform over all simple regular networks. It takes 20 trials an edge,
    which leaves nothing to be seen of the repair, or 2 million and 20 for each bad stub where these are fewer. More
    than half of all possible neighbours are drawn as those that an agent does *not* have.

    Examples
    --------
    >>> regular_neighbours(4, 3, np.random.default_rng(0)).reshape(4, 3).tolist()
    [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
    """
    absent = n_agents - 1 - degree
    if degree > absent:
        return _complement(regular_neighbours(n_agents, absent, rng), n_agents)
    if degree == 0:
        return np.empty(0, dtype=np.int32)
    repaired = False
    while not repaired:
        neighbours = _paired(n_agents, degree, rng)
        bad = _bad_stubs(neighbours, degree)
        repaired = _repair(neighbours, degree, bad, rng)
    trials = min(10 * neighbours.size, 2_000_000 + 20 * bad.size)
    _mix(neighbours, degree, trials, rng)
    return neighbours


@njit(nogil=True, cache=True)
def _paired(n_agents: int, degree: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Pair all stubs at random; stub `s` belongs to agent `s // degree`. Loops and repeated edges are left in."""
    size = n_agents * degree
    k = np.uint32(degree)
    free = np.arange(size).astype(np.int32)
    neighbours = np.empty(size, dtype=np.int32)
    for last in range(size - 1, 0, -2):
        chosen = int(rng.random() * last)
        one, two = free[last], free[chosen]
        free[chosen] = free[last - 1]
        neighbours[one] = np.uint32(two) // k
        neighbours[two] = np.uint32(one) // k
    return neighbours


@njit(nogil=True, cache=True)
def _bad_stubs(neighbours: NDArray[np.int32], degree: int) -> NDArray[np.int64]:
    """Find stubs whose edge is a loop or repeats one of an earlier stub of the same agent."""
    n_agents = neighbours.size // degree
    last_seen = np.full(n_agents if degree > _FEW else 0, -1, dtype=np.int32)
    found = np.empty(64, dtype=np.int64)
    n_found = 0
    for agent in range(n_agents):
        begin = agent * degree
        for stub in range(begin, begin + degree):
            other = neighbours[stub]
            bad = other == agent
            if degree > _FEW:
                bad |= last_seen[other] == agent
                last_seen[other] = agent
            else:
                for earlier in range(begin, stub):
                    bad |= neighbours[earlier] == other
            if bad:
                if n_found == found.size:
                    found = np.concatenate((found, np.empty_like(found)))
                found[n_found] = stub
                n_found += 1
    return found[:n_found].copy()


@njit(nogil=True, cache=True)
def _repair(neighbours: NDArray[np.int32], degree: int, bad: NDArray[np.int64], rng: np.random.Generator) -> bool:
    """Exchange ends until no edge is bad, in place; returns whether that was reached."""
    for stub in bad:
        tried = 0
        while _is_bad(neighbours, degree, stub):
            if tried == _PATIENCE:
                return False
            _exchange(neighbours, degree, stub, int(rng.random() * neighbours.size))
            tried += 1
    return True


@njit(nogil=True, cache=True)
def _mix(neighbours: NDArray[np.int32], degree: int, trials: int, rng: np.random.Generator) -> None:
    """Let random edges exchange ends, in place. A trial that is refused counts, which keeps the law uniform."""
    for _ in range(trials):
        _exchange(neighbours, degree, int(rng.random() * neighbours.size), int(rng.random() * neighbours.size))


@njit(nogil=True, cache=True)
def _is_bad(neighbours: NDArray[np.int32], degree: int, stub: int) -> bool:
    agent = stub // degree
    times = 0
    for at in range(agent * degree, (agent + 1) * degree):
        times += neighbours[at] == neighbours[stub]
    return neighbours[stub] == agent or times > 1


@njit(nogil=True, cache=True)
def _exchange(neighbours: NDArray[np.int32], degree: int, first: int, second: int) -> None:
    """Make edges (a, d), (c, b) of two stubs' edges (a, b), (c, d), unless a loop or repeated edge comes of it."""
    a, b = first // degree, neighbours[first]
    c, d = second // degree, neighbours[second]
    loops = a == d or b == c
    in_vain = a == c or b == d
    if loops or in_vain:
        return
    if _among(neighbours, degree, a, d) >= 0 or _among(neighbours, degree, c, b) >= 0:
        return
    # In this order the way back is found even where one of the edges is a loop.
    neighbours[first] = d
    neighbours[second] = b
    neighbours[_among(neighbours, degree, d, c)] = a
    neighbours[_among(neighbours, degree, b, a)] = c


@njit(nogil=True, cache=True)
def _among(neighbours: NDArray[np.int32], degree: int, agent: int, other: int) -> int:
    """Stub of `agent` that leads to `other`; -1 where none does."""
    for begin in range(agent * degree, (agent + 1) * degree, _BLOCK):
        block = neighbours[begin : min(begin + _BLOCK, (agent + 1) * degree)]
        # Without a way out of the loop the compiler compares many at once.
        found = False
        for i in range(block.size):
            found |= block[i] == other
        if found:
            for i in range(block.size):
                if block[i] == other:
                    return begin + i
    return -1


@njit(nogil=True, cache=True)
def _complement(neighbours: NDArray[np.int32], n_agents: int) -> NDArray[np.int32]:
    """Everybody but an agent itself and those given."""
    given = neighbours.size // n_agents
    degree = n_agents - 1 - given
    others = np.empty(n_agents * degree, dtype=np.int32)
    left_out = np.full(n_agents, -1, dtype=np.int32)
    at = 0
    for agent in range(n_agents):
        left_out[agent] = agent
        for stub in range(agent * given, (agent + 1) * given):
            left_out[neighbours[stub]] = agent
        for other in range(n_agents):
            if left_out[other] != agent:
                others[at] = other
                at += 1
    return others
