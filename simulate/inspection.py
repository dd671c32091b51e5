"""Inspection of a network: its components, and whether it is simple."""

import numpy as np
from numpy.typing import NDArray

from ..common.compiled import njit

SOUND, LOOP, REPEATED, ONE_SIDED = range(4)
"""Results of :func:`first_fault`."""

_FEW = 32
"""Up to this number of neighbours, comparing all pairs is faster than marking agents all over the memory."""


@njit("simulate")
def component_sizes(indptr: NDArray[np.int64], indices: NDArray[np.int32]) -> NDArray[np.int64]:
    """Count the agents of every component; components are ordered by their first agents.

    Parameters
    ----------
    indptr, indices : array
        As in :class:`tworate.simulate.Network`.

    Returns
    -------
    array of int64, shape (n_components,)
        Sizes; they sum to the number of agents.

    Examples
    --------
    >>> component_sizes(np.array([0, 1, 2, 2]), np.array([1, 0], dtype=np.int32))
    array([2, 1])
    """
    n_agents = indptr.size - 1
    reached = np.zeros(n_agents, dtype=np.bool_)
    queue = np.empty(n_agents, dtype=np.int32)
    sizes = np.empty(n_agents, dtype=np.int64)
    n_components = 0
    for first in range(n_agents):
        if reached[first]:
            continue
        reached[first] = True
        queue[0] = first
        begin, end = 0, 1
        while begin < end:
            agent = queue[begin]
            begin += 1
            for at in range(indptr[agent], indptr[agent + 1]):
                other = indices[at]
                if not reached[other]:
                    reached[other] = True
                    queue[end] = other
                    end += 1
        sizes[n_components] = end
        n_components += 1
    return sizes[:n_components].copy()


@njit("simulate")
def first_fault(indptr: NDArray[np.int64], indices: NDArray[np.int32]) -> tuple[int, int]:
    """Check whether a network is simple and undirected.

    Parameters
    ----------
    indptr, indices : array
        As in :class:`tworate.simulate.Network`.

    Returns
    -------
    tuple of int
        An agent, and its fault: SOUND (none), LOOP (its own neighbour), REPEATED (the same neighbour twice). ONE_SIDED
        has no agent: some edge is present at only one of its ends.

    Notes
    -----
    The check that every edge is present at both ends needs no search. Each edge is hashed to 64 bits; the hash is added
    at the lower agent and subtracted at the higher. If all edges are present at both ends, the sum is 0. Otherwise it
    is 0 with a probability of about 2^-64.

    Examples
    --------
    >>> first_fault(np.array([0, 1, 2]), np.array([1, 1], dtype=np.int32)) == (1, LOOP)
    True
    """
    n_agents = indptr.size - 1
    last_seen = np.full(n_agents, -1, dtype=np.int32)
    balance = np.uint64(0)
    for agent in range(n_agents):
        begin, end = indptr[agent], indptr[agent + 1]
        few = end - begin <= _FEW
        for at in range(begin, end):
            other = indices[at]
            if other == agent:
                return agent, LOOP
            if few:
                for earlier in range(begin, at):
                    if indices[earlier] == other:
                        return agent, REPEATED
            elif last_seen[other] == agent:
                return agent, REPEATED
            else:
                last_seen[other] = agent
            if agent < other:
                balance += _hashed(agent, other)
            else:
                balance -= _hashed(other, agent)
    return (-1, ONE_SIDED) if balance != 0 else (-1, SOUND)


@njit("simulate")
def _hashed(low: int, high: int) -> np.uint64:
    """Mix two agents into 64 bits (the finaliser of SplitMix64, Steele, Lea & Flood 2014)."""
    mixed = (np.uint64(low) << np.uint64(32)) ^ np.uint64(high)
    mixed += np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
