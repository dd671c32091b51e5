"""Any content of a network file is a network, or a message in one line that names the file."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tworate.errors import InputError
from tworate.simulate import read_network
from tworate.simulate.contacts import read_contacts
from tworate.simulate.network_files import parse_network_file, read_edges

PIECES = [
    b"", b"a,b\n", b"source,target,weight\n", b"1 2 0.5\n", b'"', b"'", b"\n", b"\r", b"\t", b";", b"|", b"#",
    b"% sym\n", b"{'weight': 2}", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", b"\x1f\x8b", b"<graphml>",
    b"<graph>", b"</graph>", b'<node id="a"/>', b'<edge source="a" target="b"/>', b"</graphml>", b"<gexf>",
    b"<!DOCTYPE x>", b"&a;", b"graph [", b"node [ id 1 ]", b"edge [ source 1 target 2 ]", b"]", b"*Vertices 3\n",
    b"*Arcs\n", b"*Matrix\n", b"1 2\n", b"-1 2\n", b"%%MatrixMarket matrix coordinate pattern general\n",
    b"3 3 1\n", b"PAR1", b"1e999", b"nan",
]  # fmt: skip
ENDINGS = ["csv", "txt", "csv.gz", "graphml", "gexf", "gml", "net", "mtx", "parquet", "xml", ""]


@settings(max_examples=400, deadline=None)
@given(
    content=st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=12)), max_size=14).map(b"".join),
    ending=st.sampled_from(ENDINGS),
)
def test_any_bytes_are_a_network_or_a_message_in_one_line(tmp_path_factory, content, ending):
    path = tmp_path_factory.getbasetemp() / f"any.{ending}"
    path.write_bytes(content)
    for read in (read_network, read_contacts):
        try:
            network = read(path)
        except InputError as error:
            assert "any." in str(error)
            assert "\n" not in str(error)
        else:
            assert network.n_agents == len(network.labels) > 1


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(" ,;'-#"), min_size=1)


@settings(deadline=None)
@given(
    pairs=st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=8),
    mark=st.sampled_from([",", ";", "\t", "|"]),
)
def test_names_come_back_as_a_spreadsheet_writes_them(tmp_path_factory, pairs, mark):
    # Blanks around a name do not belong to it.
    pairs = [(one.strip() or "x", other.strip() or "y") for one, other in pairs]
    path = tmp_path_factory.getbasetemp() / "names.csv"
    quoted = [mark.join('"' + name.replace('"', '""') + '"' for name in pair) for pair in pairs]
    path.write_text("\n".join(['"source"' + mark + '"target"', *quoted]) + "\n", encoding="utf-8")
    table = read_edges(path)
    assert list(zip(table.labels[table.source], table.labels[table.target], strict=True)) == pairs


def test_files_that_are_not_there_are_refused(tmp_path):
    assert parse_network_file(tmp_path / "none.csv") is None
    assert parse_network_file(f"{tmp_path / 'none.csv'}:source=a") is None
    for name in ("none.csv", "none.graphml", "none.parquet"):
        for read in (read_network, read_contacts):
            with pytest.raises(InputError, match=r"cannot be read|there is no such file"):
                read(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_network(tmp_path)


def test_a_graph_has_as_many_edges_in_every_format(tmp_path):
    graph = nx.gnm_random_graph(60, 200, seed=2, directed=True)
    graph = nx.relabel_nodes(graph, {node: f"n{node}" for node in graph})
    writers = {
        "graphml": nx.write_graphml, "gexf": nx.write_gexf, "gml": nx.write_gml, "net": nx.write_pajek,
        "edgelist": nx.write_edgelist, "txt": lambda g, path: nx.write_edgelist(g, path, data=False),
    }  # fmt: skip
    for ending, write in writers.items():
        write(graph, tmp_path / f"g.{ending}")
        network, contacts = read_network(tmp_path / f"g.{ending}"), read_contacts(tmp_path / f"g.{ending}")
        assert network.n_edges == graph.to_undirected().number_of_edges(), ending
        # An edge list has no direction of its own; the target is shown what the source posts.
        assert contacts.n_edges == graph.number_of_edges(), ending
        network.check_simple()
