"""Random networks in which every agent has the same number of neighbours."""

import numpy as np
from numpy.typing import NDArray

from ..common.compiled import njit

_PATIENCE = 2_000
"""Exchanges tried for one bad edge before the pairing is drawn again; only the smallest networks ever need that."""

_FEW = 32
"""As in `inspection`: with more neighbours than this, marks are faster than a comparison of all pairs."""

_BLOCK = 64
"""Neighbours compared at once."""


def regular_neighbours(n_agents: int, degree: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Draw the neighbours of every agent in a random regular network.

    Parameters
    ----------
    n_agents, degree : int
        Number of agents, and of neighbours of each, `0 <= degree < n_agents`, with an even product below 2^31.
    rng : Generator
        Source of randomness.

    Returns
    -------
    array of int32, shape (n_agents * degree,)
        Neighbours, agent by agent, in no particular order.

    Notes
    -----
    Every agent has `degree` stubs. They are paired uniformly at random (Bollobás 1980,
    doi:10.1016/S0195-6698(80)80030-8). On average this gives about `(k - 1) / 2` loops and `(k - 1)² / 4` repeated
    edges, whatever the number of agents. Each of these edges exchanges an end with a random edge, until none is left
    (as in McKay & Wormald 1990, doi:10.1016/0196-6774(90)90029-E, who also reject, to be exact). Then random edges
    exchange ends: a Markov chain whose stationary distribution is uniform over all simple regular networks. The chain
    has 20 trials for each edge, which removes all visible effects of the repair; or 2 million trials and 20 for each
    bad stub, if that is less. If agents have more than half of all possible neighbours, the agents that are *not* their
    neighbours are drawn.

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


@njit("simulate")
def _paired(n_agents: int, degree: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Pair all stubs at random; stub `s` belongs to agent `s // degree`. Loops and repeated edges remain."""
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


@njit("simulate")
def _bad_stubs(neighbours: NDArray[np.int32], degree: int) -> NDArray[np.int64]:
    """Return the stubs whose edge is a loop or repeats the edge of an earlier stub of the same agent."""
    n_agents = neighbours.size // degree
    last_seen = np.full(n_agents if degree > _FEW else 0, -1, dtype=np.int32)
    bad_stubs = np.empty(64, dtype=np.int64)
    n_bad = 0
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
                if n_bad == bad_stubs.size:
                    bad_stubs = np.concatenate((bad_stubs, np.empty_like(bad_stubs)))
                bad_stubs[n_bad] = stub
                n_bad += 1
    return bad_stubs[:n_bad].copy()


@njit("simulate")
def _repair(neighbours: NDArray[np.int32], degree: int, bad: NDArray[np.int64], rng: np.random.Generator) -> bool:
    """Exchange ends in place until no edge is bad; return whether this succeeded."""
    for stub in bad:
        tried = 0
        while _is_bad(neighbours, degree, stub):
            if tried == _PATIENCE:
                return False
            _exchange(neighbours, degree, stub, int(rng.random() * neighbours.size))
            tried += 1
    return True


@njit("simulate")
def _mix(neighbours: NDArray[np.int32], degree: int, trials: int, rng: np.random.Generator) -> None:
    """Exchange ends of random edges in place. Rejected trials count too, so that the distribution stays uniform."""
    for _ in range(trials):
        _exchange(neighbours, degree, int(rng.random() * neighbours.size), int(rng.random() * neighbours.size))


@njit("simulate")
def _is_bad(neighbours: NDArray[np.int32], degree: int, stub: int) -> bool:
    agent = stub // degree
    times = 0
    for at in range(agent * degree, (agent + 1) * degree):
        times += neighbours[at] == neighbours[stub]
    return neighbours[stub] == agent or times > 1


@njit("simulate")
def _exchange(neighbours: NDArray[np.int32], degree: int, first: int, second: int) -> None:
    """Replace the edges (a, b), (c, d) of two stubs by (a, d), (c, b), unless this makes a loop or repeated edge."""
    a, b = first // degree, neighbours[first]
    c, d = second // degree, neighbours[second]
    loops = a == d or b == c
    changes_nothing = a == c or b == d
    if loops or changes_nothing:
        return
    if _among(neighbours, degree, a, d) >= 0 or _among(neighbours, degree, c, b) >= 0:
        return
    # With this order the reverse stubs are found even if one of the edges is a loop.
    neighbours[first] = d
    neighbours[second] = b
    neighbours[_among(neighbours, degree, d, c)] = a
    neighbours[_among(neighbours, degree, b, a)] = c


@njit("simulate")
def _among(neighbours: NDArray[np.int32], degree: int, agent: int, other: int) -> int:
    """Return the stub of `agent` that leads to `other`; -1 if there is none."""
    for begin in range(agent * degree, (agent + 1) * degree, _BLOCK):
        block = neighbours[begin : min(begin + _BLOCK, (agent + 1) * degree)]
        # A loop without an exit lets the compiler compare many neighbours at once.
        is_in_block = False
        for i in range(block.size):
            is_in_block |= block[i] == other
        if is_in_block:
            for i in range(block.size):
                if block[i] == other:
                    return begin + i
    return -1


@njit("simulate")
def _complement(neighbours: NDArray[np.int32], n_agents: int) -> NDArray[np.int32]:
    """Return, for each agent, all agents except itself and its neighbours."""
    n_neighbours = neighbours.size // n_agents
    degree = n_agents - 1 - n_neighbours
    others = np.empty(n_agents * degree, dtype=np.int32)
    excluded_by = np.full(n_agents, -1, dtype=np.int32)
    at = 0
    for agent in range(n_agents):
        excluded_by[agent] = agent
        for stub in range(agent * n_neighbours, (agent + 1) * n_neighbours):
            excluded_by[neighbours[stub]] = agent
        for other in range(n_agents):
            if excluded_by[other] != agent:
                others[at] = other
                at += 1
    return others
