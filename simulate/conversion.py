"""Networks from graphs of other libraries and from files."""

from array import array
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .edges import from_edges, simplified
from .network import AnyNetwork, CompleteNetwork, Network

_HEADERS = {
    ("source", "target"), ("from", "to"), ("node1", "node2"), ("node_1", "node_2"), ("u", "v"), ("src", "dst"),
    ("id1", "id2"), ("id_1", "id_2"), ("ego", "alter"),
}  # fmt: skip
"""Column names that the first line of an edge list may have."""


def as_network(graph: Any, name: str = "graph") -> AnyNetwork:
    """Convert a graph of networkx, igraph or scipy.sparse to a network.

    Direction, weights, repeated edges and edges from an agent to itself are dropped.

    Parameters
    ----------
    graph : Network, CompleteNetwork, networkx graph, igraph graph, or scipy.sparse matrix or array
        A matrix is an adjacency matrix: agents `i` and `j` are neighbours if `[i, j]` or `[j, i]` is not zero. Nodes of
        networkx become agents in the order of the graph; if the nodes are the numbers 0 to n - 1, these are kept.
    name : str
        Name in results. A network of this package keeps its name.

    Raises
    ------
    InputError
        When `graph` is not a graph, or has no edges.

    Examples
    --------
    >>> import networkx as nx
    >>> as_network(nx.karate_club_graph(), "karate").mean_degree
    4.588235294117647
    """
    if isinstance(graph, Network | CompleteNetwork):
        return graph
    return _simple(name, *_ends(graph, name))


def from_graph(graph: Any, name: str) -> Network:
    """Convert a graph of another library, as :func:`as_network` does.

    Raises
    ------
    InputError
        When `graph` is not a graph of networkx, igraph or scipy.sparse, or has no edges.
    """
    return _simple(name, *_ends(graph, name))


def read_network(path: str | Path) -> Network:
    """Read a network from GraphML (`.graphml`) or from an edge list.

    An edge is a line with two names, separated by a space or a comma. Direction, repeated edges and edges from an agent
    to itself are dropped. Lines that begin with # are skipped, and so is a first line of column names, such as
    `source,target`.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8.

    Raises
    ------
    InputError
        When the file cannot be read or holds no edges.
    """
    path = Path(path)
    import networkx as nx

    try:
        if path.suffix.lower() == ".graphml":
            n_agents, source, target = _ends(nx.read_graphml(path), path.name)
        else:
            n_agents, source, target = _edge_list(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, ElementTree.ParseError, nx.NetworkXError) as error:
        raise InputError(f"{path}: is not a readable network ({error})") from error
    if not np.any(source != target):
        raise InputError(f"{path}: holds no edges; write one edge on each line, as two names")
    return _simple(path.name, n_agents, source, target)


def _simple(name: str, n_agents: int, source: NDArray[np.integer], target: NDArray[np.integer]) -> Network:
    source, target = simplified(n_agents, source, target)
    if source.size == 0:
        raise InputError(f"network {name}: has no edges between two agents, so nothing can spread on it")
    return from_edges(name, n_agents, source, target)


def _edge_list(path: Path) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
    agents: dict[str, int] = {}
    ends = array("i")
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            names = line.replace(",", " ").split()
            if len(names) != 2 or names[0][0] == "#" or number == 1:
                if not names or names[0].startswith("#"):
                    continue
                if number == 1 and tuple(name.strip('"').lower() for name in names) in _HEADERS:
                    continue
                if len(names) != 2:
                    raise InputError(f"{path}, line {number}: has {len(names)} names; an edge has two")
            for name in names:
                ends.append(agents.setdefault(name, len(agents)))
    pairs = np.frombuffer(ends, dtype=np.int32).reshape(-1, 2)
    return len(agents), pairs[:, 0], pairs[:, 1]


def _ends(graph: Any, name: str) -> tuple[int, NDArray[np.integer], NDArray[np.integer]]:
    """Return the number of nodes, and both ends of every edge."""
    import networkx as nx
    from scipy import sparse

    if sparse.issparse(graph):
        if graph.shape[0] != graph.shape[1]:
            raise InputError(
                f"network {name}: a matrix of shape {graph.shape} is not an adjacency matrix; it must be square"
            )
        entries = graph.tocoo()
        nonzero = entries.data != 0
        return graph.shape[0], entries.row[nonzero], entries.col[nonzero]
    if isinstance(graph, nx.Graph):
        nodes = list(graph)
        number = {node: at for at, node in enumerate(nodes)}
        if all(type(node) is int and 0 <= node < len(nodes) for node in nodes):
            number = {node: node for node in nodes}
        pairs = np.fromiter((number[node] for edge in graph.edges() for node in edge), dtype=np.int32).reshape(-1, 2)
        return len(nodes), pairs[:, 0], pairs[:, 1]
    if type(graph).__module__.split(".")[0] == "igraph" and hasattr(graph, "get_edgelist"):
        pairs = np.array(graph.get_edgelist(), dtype=np.int32).reshape(-1, 2)
        return graph.vcount(), pairs[:, 0], pairs[:, 1]
    raise InputError(
        f"network {name}: a {type(graph).__name__} is not a graph; give one of networkx, igraph or scipy.sparse"
    )
