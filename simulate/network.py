"""Networks on which posts spread, as compressed adjacency."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError


@dataclass(frozen=True)
class NetworkSummary:
    """Summary of a network; `str()` returns it as a sentence.

    Parameters
    ----------
    n_agents, n_edges : int
        Number of agents, and of edges between them.
    mean_degree : float
        Mean number of neighbours.
    least_degree, largest_degree : int
        Smallest and largest number of neighbours of an agent.
    isolated : int
        Number of agents without a neighbour.
    components : int
        Number of connected parts; an isolated agent is one.
    largest_share : float
        Fraction of the agents in the largest component.
    """

    n_agents: int
    n_edges: int
    mean_degree: float
    least_degree: int
    largest_degree: int
    isolated: int
    components: int
    largest_share: float

    @property
    def connected(self) -> bool:
        """Whether there is a path between any two agents."""
        return self.components == 1

    def __str__(self) -> str:
        neighbours = f"{self.mean_degree:g} neighbours each"
        if self.least_degree != self.largest_degree:
            neighbours = f"{self.least_degree} to {self.largest_degree} neighbours (mean {self.mean_degree:.4g})"
        text = f"{self.n_agents} agents, {self.n_edges} edges, {neighbours}"
        if self.connected:
            return f"{text}, connected"
        isolated = f", {self.isolated} without a neighbour" if self.isolated else ""
        # The share is rounded down, so that it is never 100% if the network is not connected.
        share = np.floor(self.largest_share * 1000) / 10
        return f"{text}; not connected: {self.components} components, {share:g}% of the agents in the largest{isolated}"


@dataclass(frozen=True)
class Network:
    """An undirected simple network.

    Parameters
    ----------
    name : str
        Name of the network in results.
    indptr : array of int64, shape (n_agents + 1,)
        Position in `indices` at which each agent's neighbours begin.
    indices : array of int32, shape (2 * n_edges,)
        Neighbours of every agent, agent by agent.
    labels : pandas.Index, optional
        The user's own names of the agents, all different; by default agents are called by their numbers.
    notes : tuple of str
        What was dropped, merged or assumed when the network was read, in words.

    Raises
    ------
    InputError
        When the arrays are not consistent. Only :meth:`check_simple` checks that every edge occurs once, and at both
        ends.

    Examples
    --------
    >>> Network("path", [0, 1, 3, 4], [1, 0, 2, 1]).degrees
    array([1, 2, 1])
    """

    name: str
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    labels: pd.Index | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("indptr", np.int64), ("indices", np.int32)):
            array = np.asarray(getattr(self, name))
            if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
                raise InputError(f"network {self.name}: {name} must be a list of whole numbers")
            object.__setattr__(self, name, np.ascontiguousarray(array, dtype=kind))
        begins = self.indptr
        if begins.size < 2 or begins[0] != 0 or begins[-1] != self.indices.size or np.any(begins[1:] < begins[:-1]):
            raise InputError(
                f"network {self.name}: indptr must rise from 0 to the number of indices ({self.indices.size}), "
                "and have one number more than there are agents"
            )
        if self.indices.size and (self.indices.min() < 0 or self.indices.max() >= self.n_agents):
            raise InputError(
                f"network {self.name}: indices must be agents, from 0 to {self.n_agents - 1}; there are "
                f"{self.indices.min()} to {self.indices.max()}"
            )
        if self.labels is not None:
            labels = pd.Index(self.labels)
            if len(labels) != self.n_agents or not labels.is_unique or labels.hasnans:
                raise InputError(f"network {self.name}: labels must be {self.n_agents} different names, one an agent")
            object.__setattr__(self, "labels", labels)

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return self.indptr.size - 1

    @property
    def n_edges(self) -> int:
        """Number of edges between two agents."""
        return self.indices.size // 2

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Number of neighbours of each agent."""
        return np.diff(self.indptr)

    @property
    def mean_degree(self) -> float:
        """Mean number of neighbours."""
        return float(self.indices.size / self.n_agents)

    def describe(self) -> NetworkSummary:
        """Count edges, components and isolated agents; this takes 1 s for 10 million agents with 8 neighbours."""
        from .inspection import component_sizes

        sizes, degrees = component_sizes(self.indptr, self.indices), self.degrees
        return NetworkSummary(
            n_agents=self.n_agents,
            n_edges=self.n_edges,
            mean_degree=self.mean_degree,
            least_degree=int(degrees.min()),
            largest_degree=int(degrees.max()),
            isolated=int(np.count_nonzero(degrees == 0)),
            components=sizes.size,
            largest_share=float(sizes.max() / self.n_agents),
        )

    def check_simple(self) -> None:
        """Check every edge.

        Raises
        ------
        InputError
            When an agent is its own neighbour, has the same neighbour twice, or has a neighbour of which it is not a
            neighbour.
        """
        from .inspection import LOOP, ONE_SIDED, REPEATED, first_fault

        agent, fault = first_fault(self.indptr, self.indices)
        messages = {
            LOOP: f"agent {agent} is its own neighbour",
            REPEATED: f"agent {agent} has a neighbour twice",
            ONE_SIDED: "an agent has a neighbour of which it is not a neighbour",
        }
        if fault in messages:
            raise InputError(f"network {self.name}: {messages[fault]}; as_network makes a simple network of any graph")


@dataclass(frozen=True)
class CompleteNetwork:
    """The complete network: all agents are neighbours (well mixed). No edges are stored.

    Parameters
    ----------
    n_agents : int
        Number of agents, at least 2.

    Raises
    ------
    InputError
        When there are fewer than two agents.

    Examples
    --------
    >>> CompleteNetwork(10_000_000).mean_degree
    9999999.0
    """

    n_agents: int
    name: ClassVar[str] = "complete"
    labels: ClassVar[None] = None
    notes: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.n_agents < 2:
            raise InputError(f"agents = {self.n_agents}: a complete network has at least 2")

    @property
    def n_edges(self) -> int:
        """Number of pairs of agents."""
        return self.n_agents * (self.n_agents - 1) // 2

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Number of neighbours of each agent: one number broadcast to n_agents, read-only, which needs no memory."""
        return np.broadcast_to(np.int64(self.n_agents - 1), (self.n_agents,))

    @property
    def mean_degree(self) -> float:
        """Mean number of neighbours."""
        return float(self.n_agents - 1)

    def describe(self) -> NetworkSummary:
        """Count edges and components, without a search."""
        degree = self.n_agents - 1
        return NetworkSummary(self.n_agents, self.n_edges, float(degree), degree, degree, 0, 1, 1.0)


AnyNetwork: TypeAlias = Network | CompleteNetwork
"""A network with or without stored edges."""
