"""Pajek and GML: nodes, edges, their direction and their weight; other attributes are ignored."""

import html
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import InputError
from .edge_table import EdgeTable, GraphBuilder, some, unreadable

_GML_TOKEN = re.compile(r'#[^\n]*|"[^"]*"|\[|\]|[^\s\[\]"]+')
_PAJEK_CELL = re.compile(r'"([^"]*)"|(\S+)')
_LISTS = {"*arcs": True, "*arcslist": True, "*edges": False, "*edgeslist": False}
"""Sections of a Pajek file with edges, and whether these have a direction."""
_MATRIX = "*matrix"


def read_pajek(text: str, place: str) -> EdgeTable:
    """Read a Pajek network (`.net`), or the only network of a project (`.paj`).

    Agents have the labels of the file; their numbers, where there are none, or two are equal.

    Raises
    ------
    InputError
        When a line cannot be read; names it.
    """
    graph, names = GraphBuilder(), dict[str, str]()
    section, n_matrix_rows = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("%"):
            continue
        cells = [quoted or bare for quoted, bare in _PAJEK_CELL.findall(stripped)]
        if stripped.startswith("*"):
            section = cells[0].lower()
            if section == "*vertices":
                if graph.numbers:
                    raise InputError(f"{place}, line {number}: holds a second network; keep one in the file")
                _declare(graph, cells, f"{place}, line {number}")
            continue
        if section in ("*vertices", *_LISTS, _MATRIX) and not graph.numbers:
            raise InputError(f"{place}, line {number}: there is no *Vertices before it; write their number first")
        if section == _MATRIX:
            n_matrix_rows += 1
            _matrix_row(graph, n_matrix_rows, cells)
        elif section == "*vertices":
            if len(cells) > 1:
                names[_vertex(graph, cells[0], f"{place}, line {number}")] = html.unescape(cells[1])
        elif section in _LISTS:
            if len(cells) < 2:
                raise InputError(f"{place}, line {number}: has one vertex; an edge has two")
            one, *others = cells if section.endswith("list") else cells[:2]
            weight = None if section.endswith("list") or len(cells) < 3 else cells[2]
            one = _vertex(graph, one, f"{place}, line {number}")
            for other in others:
                other = _vertex(graph, other, f"{place}, line {number}")
                graph.add_edge(one, other, directed=_LISTS[section], weight=weight)
    if not graph.numbers:
        raise unreadable(place, "it has no *Vertices; write a Pajek network")
    return graph.table(_labels([names.get(name, "") for name in graph.numbers], graph))


def _declare(graph: GraphBuilder, cells: Sequence[str], where: str) -> None:
    if len(cells) < 2 or not cells[1].isdecimal() or not 0 < int(cells[1]) <= 10**8:
        raise InputError(f"{where}: must have the number of vertices, such as *Vertices 34")
    for number in range(1, int(cells[1]) + 1):
        graph.add_node(str(number))


def _vertex(graph: GraphBuilder, text: str, where: str) -> str:
    name = text.lstrip("0") or "0"
    if name not in graph.numbers:
        raise InputError(f"{where}: there is no vertex {text!r}; they are 1 to {len(graph.numbers)}")
    return name


def _matrix_row(graph: GraphBuilder, row: int, cells: Sequence[str]) -> None:
    for column, cell in enumerate(cells, start=1):
        if cell.strip("0.") or not set(cell) <= set("0."):
            graph.add_edge(str(row), str(column), directed=True, weight=cell)


def read_gml(text: str, place: str) -> EdgeTable:
    """Read GML; agents have the labels of the file, or their ids, where labels are missing or two are equal.

    Raises
    ------
    InputError
        When the text is not GML, or a node or an edge lacks what it needs.
    """
    try:
        graphs = [value for key, value in _gml(_gml_tokens(text)) if key == "graph"]
    except (IndexError, RecursionError, ValueError) as error:
        raise unreadable(place, f"as GML: {error}") from error
    if len(graphs) != 1 or not isinstance(graphs[0], list):
        raise unreadable(place, f"as GML it holds {len(graphs)} graphs; one graph [ … ] is needed")
    graph, labels = GraphBuilder(), list[str]()
    content = graphs[0]
    directed = _first(content, "directed") == "1"
    for number, node in enumerate((value for key, value in content if key == "node"), start=1):
        name = _first(node, "id")
        if name is None:
            raise InputError(f"{place}: node {number} has no id; give it one")
        if name in graph.numbers:
            raise InputError(f"{place}: two nodes have the id {name}; give each an id of its own")
        graph.add_node(name)
        labels.append(_first(node, "label") or "")
    for number, edge in enumerate((value for key, value in content if key == "edge"), start=1):
        source, target = _first(edge, "source"), _first(edge, "target")
        if source is None or target is None:
            raise InputError(f"{place}: edge {number} has no source or no target; give it both")
        weight = _first(edge, "weight")
        graph.add_edge(source, target, directed=directed, weight=_first(edge, "value") if weight is None else weight)
    return graph.table(_labels(labels, graph))


def _gml_tokens(text: str) -> Iterator[str]:
    # Keys and ids are repeated: one copy of each is kept.
    return (sys.intern(match[0]) for match in _GML_TOKEN.finditer(text) if not match[0].startswith("#"))


def _gml(tokens: Iterator[str]) -> list[tuple[str, Any]]:
    """Return keys with their values; a value is text, or a list of keys with their values."""
    outer: list[list[tuple[str, Any]]] = [[]]
    for token in tokens:
        if token == "]":
            if len(outer) == 1:
                raise ValueError("a bracket is closed that was not opened")
            outer.pop()
            continue
        if token == "[" or token.startswith('"'):
            raise ValueError(f"{token[:40]} stands where a key is due")
        value = next(tokens, None)
        if value is None or value == "]":
            raise ValueError(f"the key {token!r} has no value")
        if value == "[":
            inner: list[tuple[str, Any]] = []
            outer[-1].append((token, inner))
            outer.append(inner)
        else:
            outer[-1].append((token, html.unescape(value[1:-1]) if value.startswith('"') else value))
    if len(outer) > 1:
        raise ValueError("a bracket is not closed")
    return outer[0]


def _first(content: Any, name: str) -> str | None:
    """Return the first value of a key that is text."""
    if not isinstance(content, list):
        return None
    return next((value for key, value in content if key == name and isinstance(value, str)), None)


def _labels(labels: list[str], graph: GraphBuilder) -> list[str] | None:
    """Return the labels of the nodes, if each has one of its own; None, with a note, if not."""
    counts = Counter(label.strip() for label in labels)
    n_missing = counts.pop("", 0)
    repeated = [label for label, count in counts.items() if count > 1]
    if counts and not n_missing and not repeated:
        return [label.strip() for label in labels]
    if repeated:
        graph.notes.append(f"agents are called by their ids: labels are repeated, such as {some(repeated)}")
    elif counts:
        graph.notes.append(f"agents are called by their ids: nodes without a label: {n_missing}")
    return None
