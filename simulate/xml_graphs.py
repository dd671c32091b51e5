"""GraphML and GEXF: nodes, edges, their direction and their weight; other attributes are ignored."""

from collections.abc import Mapping
from xml.parsers import expat

from ..errors import InputError
from .edge_table import EdgeTable, GraphBuilder, unreadable


def read_xml_graph(content: bytes, place: str, encoding: str | None = None) -> EdgeTable:
    """Read GraphML or GEXF, whichever the root of the document says.

    Nested graphs are read as one. A document type declaration is refused, because its entities can grow without bounds.

    Parameters
    ----------
    content : bytes
        The file; the document says its encoding.
    place : str
        The file, for messages.
    encoding : str, optional
        Encoding of the content, if it is not the one that the document names.

    Raises
    ------
    InputError
        When the document is neither, or holds what a network of pairs cannot: hyperedges, several graphs.
    """
    reader = _Reader(place)
    try:
        reader.parse(content, encoding)
    except expat.ExpatError as error:
        if not _is_utf8(content) and b"encoding=" not in content[:200]:
            reader = _Reader(place)
            reader.graph.notes.append("is not UTF-8, and was read as Latin-1; if names look wrong, save it as UTF-8")
            try:
                reader.parse(content, "iso-8859-1")
            except expat.ExpatError:
                raise unreadable(place, error) from error
        else:
            raise unreadable(place, error) from error
    return reader.table()


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Reader:
    """Follows the elements of a document; where an element stands is known from those around it."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.graph = GraphBuilder()
        self._path: list[str] = []
        self._node_ids: list[str] = []
        self._groups: dict[str, None] = {}
        self._directed: list[bool] = []
        self._n_graphs = 0
        self._weight_keys: dict[str, str | None] = {}
        self._key: str | None = None
        self._edge: tuple[str, str, bool] | None = None
        self._weight: str | None = None
        self._text: list[str] | None = None

    def parse(self, content: bytes, encoding: str | None = None) -> None:
        """Parse the document; the encoding replaces what it says."""
        parser = expat.ParserCreate(encoding, namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse_declaration
        self._parser = parser
        try:
            parser.Parse(content, True)
        except (ValueError, LookupError) as error:
            if isinstance(error, InputError):
                raise
            # An encoding that Python does not know, or that has several bytes a letter.
            raise unreadable(self.place, error) from error

    def table(self) -> EdgeTable:
        """Return the edges; a group of nodes is an agent only where an edge names it."""
        if not self._n_graphs:
            raise unreadable(self.place, "it holds no graph; write GraphML or GEXF")
        graph = self.graph
        if self._groups:
            named = {name for pair in graph.ends for name in pair}
            kept = [name for name in graph.numbers if name not in self._groups or name in named]
            graph.notes.append(
                f"nested graphs, read as one with the graph around them: {len(self._groups)}; their groups are agents "
                "only where an edge names them"
            )
            graph.numbers = {name: number for number, name in enumerate(kept)}
        return graph.table()

    def _fail(self, reason: str) -> InputError:
        return InputError(f"{self.place}, line {self._parser.CurrentLineNumber}: {reason}")

    def _refuse_declaration(self, *_: object) -> None:
        raise self._fail("has a document type declaration (DTD), which is not read; remove it")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        name = name.rpartition("}")[2]
        if not self._path and name not in ("graphml", "gexf"):
            raise unreadable(self.place, f"its root is <{name}>; GraphML has <graphml>, GEXF has <gexf>")
        self._path.append(name)
        if self._path[0] == "graphml":
            self._start_graphml(name, attributes)
        else:
            self._start_gexf(name, attributes)

    def _start_graphml(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "key":
            if attributes.get("for", "edge") in ("edge", "all") and (
                attributes.get("attr.name", attributes.get("id", "")).lower() == "weight"
            ):
                self._key = attributes.get("id", "")
                self._weight_keys[self._key] = None
        elif name == "default" and self._key is not None:
            self._text = []
        elif name == "graph":
            self._begin_graph(attributes.get("edgedefault", "undirected"), nested="node" in self._path)
        elif name == "node":
            self._add_node(attributes)
        elif name == "edge":
            self._begin_edge(attributes, {"true": True, "false": False, "1": True, "0": False}, "directed")
        elif name == "hyperedge":
            raise self._fail("a hyperedge joins more than two nodes; write it as edges between pairs")
        elif name == "data" and self._edge and attributes.get("key") in self._weight_keys:
            self._text = []

    def _start_gexf(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "graph":
            self._begin_graph(attributes.get("defaultedgetype", "undirected"), nested=False)
        elif name == "node":
            self._add_node(attributes)
        elif name == "edge":
            self._begin_edge(attributes, {"directed": True, "undirected": False, "mutual": False}, "type")
            self._weight = attributes.get("weight")

    def _begin_graph(self, kind: str, *, nested: bool) -> None:
        if nested:
            if self._node_ids:
                self._groups[self._node_ids[-1]] = None
        elif self._n_graphs:
            raise self._fail("holds a second graph; keep one graph in the file")
        self._n_graphs += 1
        self._directed.append(kind.lower() == "directed")

    def _add_node(self, attributes: Mapping[str, str]) -> None:
        if not self._n_graphs:
            raise self._fail("a node stands outside of a graph")
        if "id" not in attributes:
            raise self._fail("a node has no id; give it one")
        self._node_ids.append(attributes["id"])
        self.graph.add_node(attributes["id"])

    def _begin_edge(self, attributes: Mapping[str, str], kinds: Mapping[str, bool], name: str) -> None:
        if not self._directed:
            raise self._fail("an edge stands outside of a graph")
        if "source" not in attributes or "target" not in attributes:
            raise self._fail("an edge has no source or no target; give it both")
        directed = kinds.get(attributes.get(name, "").lower(), self._directed[-1])
        self._edge, self._weight = (attributes["source"], attributes["target"], directed), None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        name = self._path.pop()
        if self._text is not None and name in ("default", "data"):
            content, self._text = "".join(self._text).strip(), None
            if name == "data":
                self._weight = content
            elif self._key is not None:
                self._weight_keys[self._key] = content
        elif name == "key":
            self._key = None
        elif name == "node":
            self._node_ids.pop()
        elif name == "edge" and self._edge:
            source, target, directed = self._edge
            weight = self._weight if self._weight is not None else next(iter(self._weight_keys.values()), None)
            self.graph.add_edge(source, target, directed=directed, weight=weight)
            self._edge = None
        elif name == "graph":
            self._directed.pop()
