"""The table of edges of a network file: what every reader of such files gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """Edges between agents that a file names.

    Parameters
    ----------
    labels : pandas.Index of str, shape (n_agents,)
        The file's own names of the agents.
    source, target : array of int32, shape (n_edges,)
        Ends of each edge, as numbers of labels; the target is shown what the source posts.
    directed : array of bool, shape (n_edges,)
        Whether an edge leads from source to target only.
    weights : array of float64, shape (n_edges,), optional
        Weight of each edge, where the file has weights.
    networks : array of str, shape (n_edges,), optional
        Name of the network of each edge, where a column `network` names several.
    notes : tuple of str
        What was taken for a header, left out or ignored, in words.
    unused : tuple of str
        Names or numbers of further columns.
    where : callable
        Returns where an edge stands in the file, such as `line 7`.
    says_direction : bool
        Whether the format says of edges if they have a direction; edge lists do not.
    """

    labels: pd.Index
    source: NDArray[np.int32]
    target: NDArray[np.int32]
    directed: NDArray[np.bool_]
    weights: NDArray[np.float64] | None = None
    networks: NDArray[np.object_] | None = None
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    where: Callable[[int], str] = "edge {}".format
    says_direction: bool = False

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return len(self.labels)

    def part(self, chosen: NDArray[np.bool_]) -> "EdgeTable":
        """Return the edges that are chosen, with the agents that they name."""
        numbers, codes = np.unique(np.stack([self.source[chosen], self.target[chosen]]), return_inverse=True)
        source, target = codes.reshape(2, -1).astype(np.int32)
        weights = None if self.weights is None else self.weights[chosen]
        edges = np.flatnonzero(chosen)
        return EdgeTable(
            self.labels[numbers], source, target, self.directed[chosen], weights, None, self.notes, self.unused,
            lambda edge: self.where(int(edges[edge])),
        )  # fmt: skip


@dataclass
class GraphBuilder:
    """Collects the nodes and edges of a file that names both, one after the other."""

    numbers: dict[str, int] = field(default_factory=dict)
    ends: list[tuple[str, str]] = field(default_factory=list)
    directed: list[bool] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_node(self, name: str) -> None:
        """Add a node; a repeated name is the same node."""
        self.numbers.setdefault(name, len(self.numbers))

    def add_edge(self, source: str, target: str, *, directed: bool, weight: str | float | None) -> None:
        """Add an edge; a weight that is not a number is kept as NaN."""
        self.ends.append((source, target))
        self.directed.append(directed)
        self.weights.append(number_of(weight))

    def table(self, labels: Sequence[str] | None = None) -> EdgeTable:
        """Return the table; labels, in the order of the nodes, take the place of their names.

        Raises
        ------
        InputError
            When there is no edge.
        """
        notes, n_declared = list(self.notes), len(self.numbers)
        for pair in self.ends:
            for name in pair:
                self.add_node(name)
        if n_added := len(self.numbers) - n_declared:
            added = list(self.numbers)[n_declared:]
            notes.append(f"nodes that only edges name, {some(added)}: {n_added}")
            labels = None if labels is None else [*labels, *added]
        pairs = np.fromiter((self.numbers[name] for pair in self.ends for name in pair), dtype=np.int32).reshape(-1, 2)
        weights = np.array(self.weights, dtype=float)
        missing = np.isnan(weights)
        if missing.any() and not missing.all():
            notes.append(f"weights are ignored: edges without a number as weight: {missing.sum()}")
        return EdgeTable(
            pd.Index(list(self.numbers) if labels is None else list(labels), dtype=str),
            pairs[:, 0],
            pairs[:, 1],
            np.array(self.directed, dtype=bool),
            None if missing.any() else weights,
            notes=tuple(notes),
            says_direction=True,
        )


def number_of(text: str | float | None) -> float:
    """Return the number that a text holds; NaN if it holds none."""
    try:
        return float("nan") if text is None else float(text)
    except ValueError:
        return float("nan")


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first names of a list, for a message."""
    return ", ".join(map(str, names[:most])) + (", …" if len(names) > most else "")


def unreadable(place: str, reason: object) -> InputError:
    """Return the error for a file that holds no network that can be read."""
    return InputError(f"{place}: is not a readable network ({' '.join(str(reason).split())})")
