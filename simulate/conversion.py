"""Networks from graphs of other libraries and from files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from .edge_table import some
from .edges import from_edges, simplified
from .network import AnyNetwork, CompleteNetwork, Network
from .network_files import NetworkFile, parse_network_file, read_edges


def as_network(graph: Any, name: str = "graph") -> AnyNetwork:
    """Convert a graph of networkx, igraph or scipy.sparse to a network.

    Direction, weights, repeated edges and edges from an agent to itself are dropped.

    Parameters
    ----------
    graph : Network, CompleteNetwork, networkx graph, igraph graph, or scipy.sparse matrix or array
        A matrix is an adjacency matrix: agents `i` and `j` are neighbours if `[i, j]` or `[j, i]` is not zero. Nodes of
        networkx become agents in the order of the graph, and their names its labels; if the nodes are the numbers 0 to
        n - 1, these are kept. The attribute `name` of igraph becomes labels, if names differ.
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


def read_network(path: str | Path, *, columns: Mapping[str, str] | None = None, header: bool | None = None) -> Network:
    """Read a network from an edge list, GraphML, GEXF, GML, Pajek or Matrix Market, each also packed by gzip.

    The labels of the network are the file's own names. Direction, weights, repeated edges and edges from an agent to
    itself are dropped; the notes of the network say what was.

    Parameters
    ----------
    path, columns, header
        As in :func:`tworate.simulate.network_files.read_edges`; the path may also say what the columns are, as in
        `follows.csv:source=followed,target=follower`.

    Raises
    ------
    InputError
        When the file cannot be read or holds no edges.
    """
    given = parse_network_file(path) or NetworkFile(Path(path))
    table = read_edges(
        given.path, columns={**given.columns, **(columns or {})}, header=given.header if header is None else header
    )
    place = str(given.path)
    if not np.any(table.source != table.target):
        raise InputError(f"{place}: holds no edges; write one edge on each line, as two names")
    notes = [*table.notes]
    if table.says_direction and (n_directed := int(table.directed.sum())):
        notes.append(f"direction, left out: {n_directed} edges; in a simulation a post goes both ways")
    named = {"weights": table.weights, "network": table.networks}
    if ignored := [*(name for name, values in named.items() if values is not None), *table.unused]:
        notes.append(f"further columns, ignored: {some(ignored, 8)}")
    loops = int(np.count_nonzero(table.source == table.target))
    if loops:
        notes.append(f"edges of an agent to itself, left out: {loops}")
    source, target = simplified(table.n_agents, table.source, table.target)
    if repeated := table.source.size - loops - source.size:
        notes.append(f"repeated edges, in either direction, merged: {repeated}")
    told = tuple(f"{place}: {note}" for note in notes)
    return from_edges(given.path.name, table.n_agents, source, target, table.labels, told)


def _simple(
    name: str, n_agents: int, source: NDArray[np.integer], target: NDArray[np.integer], labels: pd.Index | None
) -> Network:
    source, target = simplified(n_agents, source, target)
    if source.size == 0:
        raise InputError(f"network {name}: has no edges between two agents, so nothing can spread on it")
    return from_edges(name, n_agents, source, target, labels)


def _labels_of(nodes: Sequence[Any], name: str) -> pd.Index:
    """Return the names of nodes: whole numbers, or text."""
    labels = pd.Index(list(nodes)) if all(type(node) is int for node in nodes) else pd.Index(list(map(str, nodes)))
    if not labels.is_unique:
        raise InputError(
            f"network {name}: two nodes are called {labels[labels.duplicated()][0]!r}; give each a name of its own"
        )
    return labels


def _ends(graph: Any, name: str) -> tuple[int, NDArray[np.integer], NDArray[np.integer], pd.Index | None]:
    """Return the number of nodes, both ends of every edge, and the names of the nodes, if they have any."""
    import networkx as nx
    from scipy import sparse

    if sparse.issparse(graph):
        if graph.shape[0] != graph.shape[1]:
            raise InputError(
                f"network {name}: a matrix of shape {graph.shape} is not an adjacency matrix; it must be square"
            )
        entries = graph.tocoo()
        nonzero = entries.data != 0
        return graph.shape[0], entries.row[nonzero], entries.col[nonzero], None
    if isinstance(graph, nx.Graph):
        nodes = list(graph)
        numbered = all(type(node) is int and 0 <= node < len(nodes) for node in nodes)
        number = {node: node if numbered else at for at, node in enumerate(nodes)}
        pairs = np.fromiter((number[node] for edge in graph.edges() for node in edge), dtype=np.int32).reshape(-1, 2)
        return len(nodes), pairs[:, 0], pairs[:, 1], None if numbered else _labels_of(nodes, name)
    if type(graph).__module__.split(".")[0] == "igraph" and hasattr(graph, "get_edgelist"):
        pairs = np.array(graph.get_edgelist(), dtype=np.int32).reshape(-1, 2)
        names = graph.vs["name"] if "name" in graph.vs.attributes() else None
        labels = None if names is None or len(set(map(str, names))) < len(names) else _labels_of(names, name)
        return graph.vcount(), pairs[:, 0], pairs[:, 1], labels
    raise InputError(
        f"network {name}: a {type(graph).__name__} is not a graph; give one of networkx, igraph or scipy.sparse"
    )
