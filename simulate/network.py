"""Networks on which posts travel, as compressed adjacency."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

NETWORKS: dict[str, Callable[[int, int, int], "nx.Graph[int]"]] = {
    "random-regular": lambda n, k, seed: nx.random_regular_graph(k, n, seed=seed),
    "erdos-renyi": lambda n, k, seed: nx.gnm_random_graph(n, n * k // 2, seed=seed),
    "watts-strogatz": lambda n, k, seed: nx.watts_strogatz_graph(n, k, 0.1, seed=seed),
    "barabasi-albert": lambda n, k, seed: nx.barabasi_albert_graph(n, k // 2, seed=seed),
}
"""Kinds of networks by name: (agents, mean degree, seed) to a networkx graph.

Watts-Strogatz rewires a tenth of its edges.
"""


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


@dataclass(frozen=True)
class CompleteNetwork:
    """The network in which everybody is everybody's neighbour: well mixed. No edges are stored.

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

    def __post_init__(self) -> None:
        if self.n_agents < 2:
            raise InputError(f"agents = {self.n_agents}: a complete network has at least 2")

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Number of neighbours of each agent: one number seen n_agents times, read-only, without memory of its own."""
        return np.broadcast_to(np.int64(self.n_agents - 1), (self.n_agents,))

    @property
    def mean_degree(self) -> float:
        """Mean number of neighbours."""
        return float(self.n_agents - 1)


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
    return make_network("random-regular", n_agents, degree, seed)


def make_network(network: str, n_agents: int, degree: int, seed: int) -> Network:
    """Draw a network of a named kind, or read one from a file.

    Parameters
    ----------
    network : str
        One of :data:`NETWORKS`, or the path of a file, see :func:`read_network`.
    n_agents, degree : int
        Agents, and mean number of neighbours (of every agent, in a random regular network); a file has its own.
    seed : int
        Seed of the draw.

    Raises
    ------
    InputError
        When there is no such network.
    """
    check_network(network, n_agents, degree)
    if network not in NETWORKS:
        return read_network(network)
    return from_graph(NETWORKS[network](n_agents, degree, seed), name=network)


def check_network(network: str, n_agents: int, degree: int) -> None:
    """Raise an InputError when :func:`make_network` could not make this network; draws none."""
    if network not in NETWORKS:
        if not Path(network).is_file():
            raise InputError(
                f"network {network!r} is neither a file nor one of {', '.join(NETWORKS)}; choose one of these"
            )
        return
    if n_agents < 3:
        raise InputError(f"agents = {n_agents}: must be at least 3")
    if not 2 <= degree < n_agents:
        raise InputError(f"degree = {degree}: must be at least 2 and below the number of agents ({n_agents})")
    if network == "random-regular" and n_agents * degree % 2:
        raise InputError(
            f"{n_agents} agents with {degree} neighbours each is impossible: the product must be even; "
            "change either by one"
        )
    if network in ("watts-strogatz", "barabasi-albert") and degree % 2:
        raise InputError(f"degree = {degree}: a {network} network has an even mean degree; change it by one")


_HEADERS = {
    ("source", "target"), ("from", "to"), ("node1", "node2"), ("node_1", "node_2"), ("u", "v"), ("src", "dst"),
    ("id1", "id2"), ("id_1", "id_2"), ("ego", "alter"),
}  # fmt: skip
"""First lines of edge lists that are no edge."""


def read_network(path: str | Path) -> Network:
    """Read a network from GraphML (`.graphml`) or from an edge list.

    An edge is two names on a line, with a space or comma between. Direction, repeated edges and edges from an agent to
    itself are dropped; lines that begin with # are skipped, and so is a first line that names the columns, such as
    `source,target`.

    Raises
    ------
    InputError
        When the file cannot be read or holds no edges.
    """
    path = Path(path)
    graph: nx.Graph[Hashable] = nx.Graph()
    try:
        if path.suffix.lower() == ".graphml":
            read = nx.read_graphml(path)
            graph.add_nodes_from(read)
            graph.add_edges_from(read.edges())
        else:
            for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
                names = line.replace(",", " ").split()
                if not names or names[0].startswith("#"):
                    continue
                if number == 1 and tuple(name.strip('"').lower() for name in names) in _HEADERS:
                    continue
                if len(names) != 2:
                    raise InputError(f"{path}, line {number}: has {len(names)} names; an edge has two")
                graph.add_edge(*names)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, ElementTree.ParseError, nx.NetworkXError) as error:
        raise InputError(f"{path}: is not a readable network ({error})") from error
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    if graph.number_of_edges() == 0:
        raise InputError(f"{path}: holds no edges; give one a line, as two names")
    return from_graph(nx.convert_node_labels_to_integers(graph), name=path.name)


def from_graph(graph: "nx.Graph[int]", name: str) -> Network:
    """Take over a networkx graph whose nodes are 0, 1, …, n - 1."""
    ends = np.array(graph.edges, dtype=np.int32).reshape(-1, 2)
    source = np.concatenate([ends[:, 0], ends[:, 1]])
    target = np.concatenate([ends[:, 1], ends[:, 0]])
    order = np.lexsort((target, source))
    indptr = np.zeros(graph.number_of_nodes() + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=graph.number_of_nodes()), out=indptr[1:])
    return Network(name=name, indptr=indptr, indices=target[order])
