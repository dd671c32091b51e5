"""GraphML, GEXF, GML and Pajek: structure is read, attributes are ignored; networkx is the independent reader."""

import gzip

import networkx as nx
import pytest

from tworate.errors import InputError
from tworate.simulate import read_network
from tworate.simulate.contacts import read_contacts
from tworate.simulate.network_files import read_edges

GRAPHML = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{}</graphml>'
GEXF = '<gexf xmlns="http://gexf.net/1.2" version="1.2"><graph {}><nodes>{}</nodes><edges>{}</edges></graph></gexf>'
NODES = "".join(f'<node id="{name}"/>' for name in "abc")
WRITERS = {"graphml": nx.write_graphml, "gexf": nx.write_gexf, "gml": nx.write_gml, "net": nx.write_pajek}


def edges_of(table):
    labels = table.labels.to_numpy()
    return list(zip(labels[table.source].tolist(), labels[table.target].tolist(), strict=True))


def read(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_edges(tmp_path / name)


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph])
@pytest.mark.parametrize("packed", [False, True])
def test_graphs_that_networkx_wrote_are_read(tmp_path, ending, kind, packed):
    graph = kind()
    graph.add_nodes_from(["alone", "Zoë Ray", "bob"])
    graph.add_weighted_edges_from([("Zoë Ray", "bob", 2.5), ("bob", "cid", 1.0), ("cid", "cid", 3.0)])
    path = tmp_path / f"graph.{ending}"
    WRITERS[ending](graph, path)
    if packed:
        path = tmp_path / f"graph.{ending}.gz"
        path.write_bytes(gzip.compress((tmp_path / f"graph.{ending}").read_bytes()))
    table = read_edges(path)
    assert list(table.labels) == list(graph)
    assert sorted(map(sorted, edges_of(table))) == sorted(map(sorted, graph.edges()))
    if graph.is_directed():
        assert sorted(edges_of(table)) == sorted(graph.edges())
    assert set(table.directed) == {graph.is_directed()}
    assert sorted(table.weights) == [1.0, 2.5, 3.0]
    network = read_network(path)
    assert (network.n_agents, network.n_edges, list(network.labels)) == (4, 2, list(graph))


@pytest.mark.parametrize("kind", ["boolean", "short", "vector_float", "int", "", "string"])
@pytest.mark.parametrize("value", ["NA", "[1, 2]", "", "yes &amp; no"])
def test_attributes_of_graphml_are_not_looked_at(tmp_path, kind, value):
    keys = f'<key id="k" for="node" attr.name="x" attr.type="{kind}"><default>{value}</default></key>'
    keys += f'<key id="e" for="edge" attr.name="y" attr.type="{kind}"/>'
    nodes = f'<node id="a"><data key="k">{value}</data><data key="none">1</data></node><node id="b"/>'
    edge = f'<edge source="a" target="b"><data key="e">{value}</data><desc>x</desc></edge>'
    text = GRAPHML.format(f'{keys}<graph edgedefault="undirected">{nodes}{edge}</graph>')
    table = read(tmp_path, "g.graphml", text)
    assert (edges_of(table), table.weights, table.notes) == ([("a", "b")], None, ())


def test_every_edge_of_graphml_and_gexf_has_its_own_direction(tmp_path):
    edges = '<edge source="a" target="b"/><edge source="b" target="c" directed="{}"/>'
    for default, own, n_directed in (("directed", "false", 3), ("undirected", "true", 3), ("directed", "true", 2)):
        text = GRAPHML.format(f'<graph edgedefault="{default}">{NODES}{edges.format(own)}</graph>')
        (tmp_path / "g.graphml").write_text(text)
        assert read_contacts(tmp_path / "g.graphml").n_edges == n_directed
        network = read_network(tmp_path / "g.graphml")
        assert network.n_edges == 2
        n_arrows = 4 - n_directed
        assert network.notes == (
            f"{tmp_path / 'g.graphml'}: direction, left out: {n_arrows} edges; in a simulation a post goes both ways",
        )
    edges = '<edge source="a" target="b"/><edge source="b" target="c" type="{}" weight="0.5"/>'
    for own, n_directed in (("undirected", 3), ("mutual", 3), ("directed", 2)):
        (tmp_path / "g.gexf").write_text(GEXF.format('defaultedgetype="directed"', NODES, edges.format(own)))
        assert read_contacts(tmp_path / "g.gexf").n_edges == n_directed


def test_weights_of_graphml_count_where_each_is_a_number(tmp_path):
    key = '<key id="w" for="edge" attr.name="Weight" attr.type="short">{}</key>'
    edges = '<edge source="a" target="b"><data key="w">2.5</data></edge><edge source="b" target="c">{}</edge>'
    for default, second, weights in (
        ("", '<data key="w">0.5</data>', [2.5, 0.5]),
        ("<default>4</default>", "", [2.5, 4.0]),
        ("", "", None),
        ("", '<data key="w">NA</data>', None),
    ):
        graph = f'<graph edgedefault="directed">{NODES}{edges.format(second)}</graph>'
        table = read(tmp_path, "g.graphml", GRAPHML.format(key.format(default) + graph))
        assert (None if table.weights is None else table.weights.tolist()) == weights
        assert table.notes == (() if weights else ("weights are ignored: edges without a number as weight: 1",))


def test_nested_graphs_are_one_graph(tmp_path):
    inner = '<graph edgedefault="directed"><node id="x"/><node id="y"/><edge source="x" target="y"/></graph>'
    nodes = f'<node id="group">{inner}</node><node id="named"><graph><node id="z"/></graph></node><node id="b"/>'
    edges = '<edge source="b" target="x"/><edge source="b" target="named"/>'
    table = read(tmp_path, "g.graphml", GRAPHML.format(f'<graph edgedefault="undirected">{nodes}{edges}</graph>'))
    assert edges_of(table) == [("x", "y"), ("b", "x"), ("b", "named")]
    assert table.directed.tolist() == [True, False, False]
    assert sorted(table.labels) == ["b", "named", "x", "y", "z"]
    assert "nested graphs, read as one with the graph around them: 2" in table.notes[0]


def test_ports_are_ignored_and_nodes_of_edges_are_added(tmp_path):
    nodes = '<node id="a"><port name="north"/></node>'
    edges = '<edge source="a" target="new" sourceport="north"/>'
    table = read(tmp_path, "g.graphml", GRAPHML.format(f'<graph edgedefault="directed">{nodes}{edges}</graph>'))
    assert (edges_of(table), table.notes) == ([("a", "new")], ("nodes that only edges name, new: 1",))


HYPEREDGE = f'<graph>{NODES}\n<hyperedge><endpoint node="a"/></hyperedge></graph>'
BOMB = '<!DOCTYPE g [<!ENTITY a "xxxx"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.graphml", BOMB + GRAPHML.format(f"<graph>{NODES}</graph>"), "line 1: has a document type"),
        ("g.gexf", BOMB + GEXF.format("", NODES, ""), "line 1: has a document type"),
        ("g.graphml", GRAPHML.format(HYPEREDGE), "line 2: a hyperedge"),
        ("g.graphml", GRAPHML.format(f"<graph>{NODES}</graph>\n<graph/>"), "line 2: holds a second graph"),
        ("g.graphml", GRAPHML.format("<graph><node/></graph>"), "a node has no id"),
        ("g.graphml", GRAPHML.format('<graph>\n<edge source="a"/></graph>'), "line 2: an edge has no source or no"),
        ("g.graphml", GRAPHML.format(""), "is not a readable network"),
        ("g.graphml", "<graphml><graph>", "is not a readable network"),
        ("g.graphml", "<svg/>", "its root is <svg>"),
        ("g.xml", '<?xml version="1.0" encoding="no-such"?><graphml/>', "is not a readable network"),
        ("g.gml", "graph [ node [ id 1 ]", "a bracket is not closed"),
        ("g.gml", "graph [ ] ]", "a bracket is closed that was not opened"),
        ("g.gml", "nothing here", "it holds 0 graphs"),
        ("g.gml", "graph [ node [ label \"a\" ] ]", "node 1 has no id"),
        ("g.gml", "graph [ node [ id 1 ] node [ id 1 ] ]", "two nodes have the id 1"),
        ("g.gml", "graph [ node [ id 1 ] edge [ source 1 ] ]", "edge 1 has no source or no target"),
        ("g.net", "*Arcs\n1 2\n", r"line 2: there is no \*Vertices before it"),
        ("g.net", "*Vertices 2\n1 \"a\"\n*Edges\n1 3\n", "line 4: there is no vertex '3'; they are 1 to 2"),
        ("g.net", "*Vertices two\n", r"line 1: must have the number of vertices"),
        ("g.net", "*Vertices 2\n*Edges\n1\n", "line 3: has one vertex"),
        ("g.paj", "*Vertices 2\n*Edges\n1 2\n*Vertices 2\n", "line 4: holds a second network"),
        ("g.net", "hello\n", "is not a readable network"),
    ],
)  # fmt: skip
def test_files_that_hold_no_network_of_pairs_are_refused_in_one_line(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, name, text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252", "utf-8-sig"])
def test_xml_in_other_encodings(tmp_path, encoding):
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = f'<?xml version="1.0" encoding="{declared}"?>' + GRAPHML.format(
        '<graph><edge source="Zoë" target="b"/></graph>'
    )
    (tmp_path / "g.graphml").write_bytes(text.encode(encoding))
    assert edges_of(read_edges(tmp_path / "g.graphml")) == [("Zoë", "b")]
    # Known by its content, whatever its name.
    (tmp_path / "g.txt").write_bytes(text.encode(encoding))
    assert edges_of(read_edges(tmp_path / "g.txt")) == [("Zoë", "b")]


def test_xml_without_a_declared_encoding_is_taken_for_latin_1(tmp_path):
    text = GRAPHML.format('<graph><edge source="Zoë" target="b"/></graph>')
    (tmp_path / "g.graphml").write_bytes(text.encode("latin-1"))
    table = read_edges(tmp_path / "g.graphml")
    assert edges_of(table) == [("Zoë", "b")]
    assert "read as Latin-1" in table.notes[0]


@pytest.mark.parametrize(
    ("labels", "names", "note"),
    [
        (["", "", ""], ["4", "5", "6"], None),
        (["x", "y", "z"], ["x", "y", "z"], None),
        (["x", "y", "x"], ["4", "5", "6"], "labels are repeated, such as x"),
        (["x", "", "z"], ["4", "5", "6"], "nodes without a label: 1"),
        (["a &#38; b", "y]", "# z"], ["a & b", "y]", "# z"], None),
    ],
)
def test_agents_of_gml_have_labels_or_ids(tmp_path, labels, names, note):
    nodes = "".join(
        f'node [ id {number} {f"label {chr(34)}{label}{chr(34)}" if label else ""} graphics [ x 1 fill "#fff" ] ]\n'
        for number, label in zip((4, 5, 6), labels, strict=True)
    )
    # networkx refuses repeated edges here.
    text = f'Creator "x [y]"\n# a comment\ngraph [ directed 0\n{nodes}edge [ source 4 target 6 value 2 ]\n'
    table = read(tmp_path, "g.gml", text + "edge [ source 4 target 6 value 3 ] ]")
    assert list(table.labels) == names
    assert edges_of(table) == [(names[0], names[2])] * 2
    assert (table.weights.tolist(), table.directed.tolist()) == ([2.0, 3.0], [False, False])
    assert [note in text for text in table.notes] == ([True] if note else [])


def test_pajek_with_arcs_edges_lists_and_a_matrix(tmp_path):
    text = '%c\n*Network x\n*Vertices 4\n1 "Ann Lee" 0.1 0.2\n2 "Bob"\n3 "Cy"\n4 "Di"\n*Arcs :1 "sees"\n1 2 2.5\n'
    text += "*Edges\n2 3\n*Arcslist\n4 1 2\n*Edgeslist\n3 4\n*Partition p\n1\n2\n"
    table = read(tmp_path, "g.paj", text)
    assert edges_of(table) == [("Ann Lee", "Bob"), ("Bob", "Cy"), ("Di", "Ann Lee"), ("Di", "Bob"), ("Cy", "Di")]
    assert table.directed.tolist() == [True, False, True, True, False]
    matrix = read(tmp_path, "m.txt", "*Vertices 3\n*Matrix\n0 1 0\n0 0 2\n0.0 0 0\n")
    assert (edges_of(matrix), matrix.weights.tolist()) == ([("1", "2"), ("2", "3")], [1.0, 2.0])


def test_columns_are_for_edge_lists(tmp_path):
    nx.write_graphml(nx.path_graph(3), tmp_path / "g.graphml")
    with pytest.raises(InputError, match="columns and header are for edge lists"):
        read_edges(tmp_path / "g.graphml", columns={"source": "a"})
