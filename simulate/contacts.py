"""Who is shown whose posts: a directed, weighted network with the labels of its agents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from .edge_headers import NETWORK, SOURCE, TARGET, WEIGHT
from .edge_table import EdgeTable, some
from .network import Network
from .network_files import NetworkFile, parse_network_file, read_edges
from .tables import read_parquet

__all__ = ["NETWORK", "SOURCE", "TARGET", "WEIGHT", "ContactNetwork", "read_contacts", "read_table"]


@dataclass(frozen=True, eq=False)
class ContactNetwork:
    """Who is shown whose posts.

    Parameters
    ----------
    name : str
        Name in results and messages.
    indptr : array of int64, shape (n_agents + 1,)
        Position in `indices` at which the audience of each agent begins.
    indices : array of int32, shape (n_edges,)
        Agents that are shown the posts of an agent, agent by agent.
    weights : array of float64, shape (n_edges,), optional
        Factor of the exposure along each edge; 1 by default.
    labels : pandas.Index, optional
        Labels of the agents in the user's data; by default their numbers.
    notes : tuple of str
        What was dropped or merged when the network was made, in words.

    Raises
    ------
    InputError
        When a weight is negative or not finite, or no edge has a weight above 0.
    """

    name: str
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    weights: NDArray[np.float64] | None = None
    labels: pd.Index | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.indices.size == 0:
            raise InputError(f"network {self.name}: has no edges between two agents, so nobody is exposed to anybody")
        if self.weights is not None:
            if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
                raise InputError(f"network {self.name}: weights must be numbers of 0 or more")
            if not self.weights.any():
                raise InputError(f"network {self.name}: all weights are 0, so nobody is exposed to anybody")

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return self.indptr.size - 1

    @property
    def n_edges(self) -> int:
        """Number of directed edges."""
        return self.indices.size

    @property
    def degrees_in(self) -> NDArray[np.int64]:
        """Number of edges that lead to each agent, shape (n_agents,)."""
        return np.bincount(self.indices, minlength=self.n_agents)

    @property
    def weights_in(self) -> NDArray[np.float64]:
        """Sum of the weights of the edges that lead to each agent, shape (n_agents,)."""
        return np.bincount(self.indices, weights=self.weights, minlength=self.n_agents).astype(float)

    @property
    def mean_weight_in(self) -> float:
        """Mean over the agents of the summed weights of their edges: k of docs/individual.md."""
        total = self.indices.size if self.weights is None else self.weights.sum()
        return float(total / self.n_agents)

    @classmethod
    def of_network(cls, network: Network) -> "ContactNetwork":
        """Take over an undirected network of the simulation: neighbours are shown each other's posts."""
        return cls(network.name, network.indptr, network.indices, labels=network.labels)

    @classmethod
    def of_numbers(
        cls, name: str, edges: pd.DataFrame, n_agents: int, labels: Sequence[str] | None = None
    ) -> "ContactNetwork":
        """Make a network of the edges that :meth:`to_numbers` gave; agents keep their order.

        Raises
        ------
        InputError
            When the edges are not as they were written.
        """
        sources, targets = edges[SOURCE].to_numpy(), edges[TARGET].to_numpy()
        ends = np.concatenate([sources, targets])
        if ends.size and (ends.min() < 0 or ends.max() >= n_agents or np.any(np.diff(sources) < 0)):
            raise InputError(f"network {name}: its edges are not as they were written; simulate again")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n_agents))]).astype(np.int64)
        weights = edges[WEIGHT].to_numpy(dtype=float) if WEIGHT in edges and edges[WEIGHT].notna().all() else None
        return cls(name, indptr, targets.astype(np.int32), weights, None if labels is None else pd.Index(labels))

    def to_numbers(self) -> pd.DataFrame:
        """Return the table of edges between numbers of agents, ordered by source."""
        sources = np.repeat(np.arange(self.n_agents, dtype=np.int32), np.diff(self.indptr))
        edges = pd.DataFrame({SOURCE: sources, TARGET: self.indices})
        return edges if self.weights is None else edges.assign(**{WEIGHT: self.weights})

    @classmethod
    def of_edges(
        cls,
        edges: pd.DataFrame,
        *,
        name: str = "network",
        directed: bool = True,
        agents: Sequence[Any] | pd.Index | None = None,
    ) -> "ContactNetwork":
        """Make a network of a table of edges.

        Parameters
        ----------
        edges : pandas.DataFrame
            Columns `source` and `target`, labels of agents of any kind; optional `weight`. The target is shown what
            the source posts. Edges of an agent to itself are dropped; repeated edges are merged, and their weights
            added up.
        name : str
            Name in results and messages.
        directed : bool
            Whether an edge leads from source to target only.
        agents : sequence, optional
            Labels of further agents, who may have no edges.

        Raises
        ------
        InputError
            When a column is missing, or nothing is left.

        Examples
        --------
        >>> follows = pd.DataFrame({"source": ["a", "a", "b"], "target": ["b", "c", "c"]})
        >>> ContactNetwork.of_edges(follows).weights_in
        array([0., 1., 2.])
        """
        for column in (SOURCE, TARGET):
            if column not in edges:
                raise InputError(
                    f"{name}: has no column {column!r}; an edge needs source and target: the target is shown what the "
                    f"source posts. There are: {', '.join(map(str, edges.columns))}"
                )
            if edges[column].isna().any():
                row = int(np.flatnonzero(edges[column].isna())[0])
                raise InputError(f"{name}, line {row + 2}: {column} is empty; name an agent or remove the line")
        further = pd.Index([]) if agents is None else pd.Index(agents)
        both = pd.concat([edges[SOURCE], edges[TARGET], further.to_series()], ignore_index=True)
        codes, labels = pd.factorize(both)
        n = len(edges)
        weight = _weights(edges, name) if WEIGHT in edges else None
        return cls._of_codes(name, codes[:n], codes[n : 2 * n], weight, labels, np.full(n, directed), ())

    @classmethod
    def of_table(cls, table: EdgeTable, *, name: str, place: str) -> "ContactNetwork":
        """Make a network of the edges of a file; an edge without direction leads both ways.

        Parameters
        ----------
        table : EdgeTable
            The edges.
        name, place : str
            Name in results; the file, for messages.

        Raises
        ------
        InputError
            When a weight cannot be used, or nothing is left.
        """
        weights = table.weights
        if weights is not None and (wrong := ~(np.isfinite(weights) & (weights >= 0))).any():
            edge = int(np.flatnonzero(wrong)[0])
            shown = "is not a number; it" if np.isnan(weights[edge]) else f"= {weights[edge]:g}"
            raise InputError(f"{place}, {table.where(edge)}: weight {shown} must be a number of 0 or more")
        notes = table.notes
        if table.unused:
            notes = (*notes, f"further columns, ignored: {some(table.unused, 8)}")
        return cls._of_codes(name, table.source, table.target, weights, table.labels, table.directed, notes)

    @classmethod
    def _of_codes(
        cls,
        name: str,
        source: NDArray[np.integer],
        target: NDArray[np.integer],
        weight: NDArray[np.float64] | None,
        labels: pd.Index,
        directed: NDArray[np.bool_],
        notes: Sequence[str],
    ) -> "ContactNetwork":
        """Make a network of numbered agents: drop loops, double edges without direction, merge repeated edges."""
        notes, n_agents = list(notes), len(labels)
        has_weights = weight is not None
        weight = np.ones(len(source)) if weight is None else weight
        loops = source == target
        if loops.any():
            notes.append(f"edges of an agent to itself, left out: {loops.sum()}")
            source, target, weight, directed = (array[~loops] for array in (source, target, weight, directed))
        if not directed.all():
            both = ~directed
            source, target = np.concatenate([source, target[both]]), np.concatenate([target, source[both]])
            weight = np.concatenate([weight, weight[both]])
        key = source.astype(np.int64) * n_agents + target
        order = np.argsort(key, kind="stable")
        unique, first = np.unique(key[order], return_index=True)
        if unique.size < key.size:
            # Repetitions of an edge without weights say nothing new.
            added = " with their weights added up" if has_weights else ""
            notes.append(f"repeated edges, merged{added}: {key.size - unique.size}")
        merged = np.add.reduceat(weight[order], first) if unique.size and has_weights else None
        indptr = np.concatenate([[0], np.cumsum(np.bincount(unique // max(n_agents, 1), minlength=n_agents))])
        return cls(
            name,
            indptr.astype(np.int64),
            (unique % max(n_agents, 1)).astype(np.int32),
            merged,
            labels,
            tuple(notes),
        )

    @classmethod
    def of_graph(cls, graph: Any, *, name: str = "network") -> "ContactNetwork":
        """Take over a graph of networkx, igraph or scipy.sparse; a directed edge leads to whom the post is shown.

        Raises
        ------
        InputError
            When it is no such graph.
        """
        import networkx as nx
        from scipy import sparse

        if isinstance(graph, cls):
            return graph
        if isinstance(graph, Network):
            return cls.of_network(graph)
        if isinstance(graph, nx.Graph):
            weighted = any(WEIGHT in data for _, _, data in graph.edges(data=True))
            edges = nx.to_pandas_edgelist(graph)[[SOURCE, TARGET, *([WEIGHT] if weighted else [])]]
            return cls.of_edges(edges, name=name, directed=graph.is_directed(), agents=list(graph))
        if sparse.issparse(graph):
            entries = graph.tocoo()
            edges = pd.DataFrame({SOURCE: entries.row, TARGET: entries.col, WEIGHT: entries.data.astype(float)})
            return cls.of_edges(edges, name=name, agents=range(graph.shape[0]))
        if type(graph).__module__.split(".")[0] == "igraph" and hasattr(graph, "get_edge_dataframe"):
            labels = graph.vs["name"] if "name" in graph.vs.attributes() else range(graph.vcount())
            pairs = np.array(graph.get_edgelist(), dtype=int).reshape(-1, 2)
            table: dict[str, Any] = {SOURCE: np.asarray(labels)[pairs[:, 0]], TARGET: np.asarray(labels)[pairs[:, 1]]}
            if WEIGHT in graph.es.attributes():
                table[WEIGHT] = graph.es[WEIGHT]
            return cls.of_edges(pd.DataFrame(table), name=name, directed=graph.is_directed(), agents=list(labels))
        raise InputError(
            f"{name}: a {type(graph).__name__} is not a graph; give a network of tworate, networkx, igraph or "
            "scipy.sparse, or a table with the columns source and target"
        )


def read_contacts(
    path: str | Path,
    *,
    several: bool = False,
    columns: Mapping[str, str] | None = None,
    header: bool | None = None,
) -> "ContactNetwork | dict[str, ContactNetwork]":
    """Read who is shown whose posts: an edge list, GraphML, GEXF, GML or Pajek, each also packed by gzip.

    In an edge list the target is shown what the source posts: columns `source` and `target`, and optionally `weight`.
    Columns `follower` and `followed` are understood as target and source. Other formats say which edges have a
    direction; one without leads both ways.

    Parameters
    ----------
    path : path
        The file; it may also say what the columns are, as in `follows.csv:source=followed,target=follower`.
    several : bool
        Whether a column `network` of the edges names one of several networks, which are then returned by name.
    columns, header
        As in :func:`tworate.simulate.network_files.read_edges`.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    given = parse_network_file(path) or NetworkFile(Path(path))
    place = str(given.path)
    if not given.path.is_file():
        raise InputError(f"{place}: there is no such file")
    table = read_edges(
        given.path, columns={**given.columns, **(columns or {})}, header=given.header if header is None else header
    )
    if given.directed is not None:
        table = replace(table, directed=np.full(table.source.size, given.directed))
    if several and table.networks is not None:
        return {
            str(name): ContactNetwork.of_table(table.part(table.networks == name), name=str(name), place=place)
            for name in dict.fromkeys(table.networks)
        }
    return ContactNetwork.of_table(table, name=place, place=place)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table from CSV, compressed or not, or from Parquet.

    Raises
    ------
    InputError
        When the file cannot be read as a table.
    """
    if path.suffix.lower() == ".parquet":
        return read_parquet(path)[0]
    try:
        # Labels stay as they are written: 007 and 7 are two agents.
        return pd.read_csv(path, dtype=dict.fromkeys((SOURCE, TARGET, "agent", NETWORK), str), skipinitialspace=True)
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: is not a readable CSV file ({error}); save it as CSV in UTF-8") from error


def _weights(edges: pd.DataFrame, name: str) -> NDArray[np.float64]:
    weight = pd.to_numeric(edges[WEIGHT], errors="coerce").to_numpy(dtype=float)
    wrong = ~(np.isfinite(weight) & (weight >= 0))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{name}, line {row + 2}: weight = {edges[WEIGHT].iloc[row]} must be a number of 0 or more")
    return weight
