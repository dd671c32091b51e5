"""Networks on which posts travel, as compressed adjacency."""

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


@dataclass(frozen=True)
class Network:
    """An undirected simple network.

    Parameters
    ----------
    name : str
        What kind it is, for results.
    indptr : array of int64, shape (n_agents + 1,)
        Where each agent's neighbours begin in `indices`.
    indices : array of int32, shape (2 * n_edges,)
        Neighbours of every agent, agent by agent.
    """

    name: str
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return self.indptr.size - 1

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Number of neighbours of each agent."""
        return np.diff(self.indptr)

    @property
    def mean_degree(self) -> float:
        """Mean number of neighbours."""
        return float(self.indices.size / self.n_agents)


def random_regular(n_agents: int, degree: int, seed: int) -> Network:
    """Draw a random network in which every agent has the same number of neighbours.

    Parameters
    ----------
    n_agents, degree : int
        Agents, and neighbours of each: `2 <= degree < n_agents`, with `n_agents * degree` even.
    seed : int
        Seed of the draw.

    Raises
    ------
    InputError
        When no such network exists.
    """
    check_regular(n_agents, degree)
    graph = nx.random_regular_graph(degree, n_agents, seed=seed)
    return from_graph(graph, name="random-regular")


def check_regular(n_agents: int, degree: int) -> None:
    """Raise an InputError when no network of so many agents can have this degree throughout."""
    if not 2 <= degree < n_agents:
        raise InputError(f"degree = {degree}: must be at least 2 and below the number of agents ({n_agents})")
    if n_agents * degree % 2:
        raise InputError(
            f"{n_agents} agents with {degree} neighbours each is impossible: the product must be even; "
            "change either by one"
        )


def from_graph(graph: "nx.Graph[int]", name: str) -> Network:
    """Take over a networkx graph whose nodes are 0, 1, …, n - 1."""
    ends = np.array(graph.edges, dtype=np.int32).reshape(-1, 2)
    source = np.concatenate([ends[:, 0], ends[:, 1]])
    target = np.concatenate([ends[:, 1], ends[:, 0]])
    order = np.lexsort((target, source))
    indptr = np.zeros(graph.number_of_nodes() + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=graph.number_of_nodes()), out=indptr[1:])
    return Network(name=name, indptr=indptr, indices=target[order])
