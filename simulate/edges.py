"""Conversion of lists of edges to compressed adjacency."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..common.compiled import njit
from .network import Network

Ends = NDArray[np.int32]
"""One end of each edge, shape (n_edges,)."""


def from_edges(
    name: str,
    n_agents: int,
    source: Ends,
    target: Ends,
    labels: pd.Index | None = None,
    notes: tuple[str, ...] = (),
) -> Network:
    """Make a network from edges; each edge occurs once and joins two different agents.

    Parameters
    ----------
    name : str
        Name of the network.
    n_agents : int
        Number of agents.
    source, target : array of int32, shape (n_edges,)
        The ends of each edge, from 0 to `n_agents - 1`.
    labels, notes
        As in :class:`tworate.simulate.Network`.

    Examples
    --------
    >>> path = from_edges("path", 3, np.array([0, 1], dtype=np.int32), np.array([1, 2], dtype=np.int32))
    >>> path.indices
    array([1, 0, 2, 1], dtype=int32)
    """
    indptr = np.zeros(n_agents + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=n_agents) + np.bincount(target, minlength=n_agents), out=indptr[1:])
    return Network(name, indptr, _filled(indptr, source, target), labels, notes)


def simplified(n_agents: int, source: NDArray[np.integer], target: NDArray[np.integer]) -> tuple[Ends, Ends]:
    """Drop loops and repeated edges, in either direction.

    Parameters
    ----------
    n_agents : int
        Number of agents.
    source, target : array of int, shape (n_given,)
        The ends of each edge.

    Returns
    -------
    tuple of array of int32
        Lower and higher ends of the remaining edges, in rising order.

    Examples
    --------
    >>> simplified(3, np.array([2, 0, 1]), np.array([0, 2, 1]))
    (array([0], dtype=int32), array([2], dtype=int32))
    """
    keys = pair_keys(n_agents, source, target)
    return ends_of(n_agents, sorted_unique(keys[source != target]))


def pair_keys(n_agents: int, one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return a number for each pair of agents, in either order: `lower * n_agents + higher`."""
    return np.minimum(one, other).astype(np.int64) * n_agents + np.maximum(one, other)


def sorted_unique(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort keys and drop repeated ones; `np.unique` takes ten times as long for millions of different keys."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if keys.size else keys


def ends_of(n_agents: int, keys: NDArray[np.int64]) -> tuple[Ends, Ends]:
    """Return the lower and the higher agents of numbered pairs."""
    low, high = np.divmod(keys, n_agents)
    return low.astype(np.int32), high.astype(np.int32)


@njit("simulate")
def _filled(indptr: NDArray[np.int64], source: Ends, target: Ends) -> NDArray[np.int32]:
    indices = np.empty(2 * source.size, dtype=np.int32)
    free = indptr[:-1].copy()
    for edge in range(source.size):
        one, other = source[edge], target[edge]
        indices[free[one]] = other
        free[one] += 1
        indices[free[other]] = one
        free[other] += 1
    return indices
