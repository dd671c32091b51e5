import igraph
import networkx as nx
import numpy as np
import pytest
from scipy import sparse

from tworate.errors import InputError
from tworate.simulate import (
    CompleteNetwork,
    as_network,
    from_graph,
    make_network,
    random_regular,
    read_network,
)


def neighbours_of(network):
    return [sorted(network.indices[a:b].tolist()) for a, b in zip(network.indptr, network.indptr[1:], strict=False)]


EDGES = [(0, 1), (0, 2), (2, 4)]
NEIGHBOURS = [[1, 2], [0], [0, 4], [], [2]]


def multigraph():
    graph = nx.MultiDiGraph([(2, 0), (0, 2), (0, 1), (0, 1), (4, 2), (1, 1)])
    graph.add_node(3)
    return graph


def directed_igraph():
    return igraph.Graph(5, [(1, 0), (0, 1), (0, 2), (2, 4), (3, 3), (2, 4)], directed=True)


def weights():
    # The matrix has a weight in one direction, an entry on the diagonal, and a stored zero.
    return sparse.csr_array(([0.5, 1.0, -2.0, 3.0, 0.0], ([1, 0, 2, 3, 3], [0, 2, 4, 3, 1])), shape=(5, 5))


@pytest.mark.parametrize(
    "graph",
    [multigraph(), directed_igraph(), weights(), weights().tocoo(), sparse.csc_matrix(weights()), weights().T],
    ids=["networkx", "igraph", "csr_array", "coo_array", "csc_matrix", "transposed"],
)
def test_graphs_of_other_libraries_are_converted(graph):
    network = as_network(graph, "mine")
    assert network.name == "mine"
    assert neighbours_of(network) == NEIGHBOURS
    network.check_simple()
    assert neighbours_of(from_graph(graph, "mine")) == NEIGHBOURS


def test_names_of_nodes_become_agents_in_the_order_of_the_graph():
    assert neighbours_of(as_network(nx.Graph([("c", "a"), ("a", "b")]))) == [[1], [0, 2], [1]]
    # Numbers from 0 are kept, in any order; other numbers are not.
    assert neighbours_of(as_network(nx.Graph([(2, 0), (0, 1)]))) == [[1, 2], [0], [0]]
    assert neighbours_of(as_network(nx.Graph([(7, 0), (0, 1)]))) == [[1], [0, 2], [1]]


def test_networks_of_this_package_are_returned_unchanged():
    network, complete = random_regular(10, 4, seed=1), CompleteNetwork(10)
    assert as_network(network, "other") is network
    assert as_network(complete) is complete


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (np.eye(3), "a ndarray is not a graph; give one of networkx, igraph or scipy.sparse"),
        (None, "a NoneType is not a graph"),
        (sparse.csr_array((2, 3)), r"a matrix of shape \(2, 3\) is not an adjacency matrix; it must be square"),
        (nx.empty_graph(3), "has no edges between two agents"),
        (nx.Graph(), "has no edges between two agents"),
        (igraph.Graph(3, [(1, 1)]), "has no edges between two agents"),
        (sparse.eye_array(3), "has no edges between two agents"),
    ],
)
def test_other_objects_are_refused(graph, message):
    with pytest.raises(InputError, match=message):
        as_network(graph)


def test_networks_from_files(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("# friends\nann,bob\nbob, ann\n\ncid bob\ncid cid\n")
    network = make_network(str(path), 1000, 8, seed=0)
    assert network.name == "edges.csv"
    assert neighbours_of(network) == [[1], [0, 2], [1]]
    for header in ("source,target", '"From" "To"'):
        path.write_text(f"{header}\nann,bob\n")
        assert read_network(path).n_agents == 2
    path.write_text("ann,bob\nsource,target\n")
    assert read_network(path).n_agents == 4
    path.write_text("ann\tbob\r\ndora,dora\r\n", newline="")
    assert neighbours_of(read_network(path)) == [[1], [0], []]
    graph = nx.path_graph(4)
    graph.add_node("alone")
    nx.write_graphml(graph, tmp_path / "path.graphml")
    assert neighbours_of(read_network(tmp_path / "path.graphml")) == [[1], [0, 2], [1, 3], [2], []]


def test_a_long_edge_list_is_read_as_networkx_reads_it(tmp_path):
    graph = nx.gnm_random_graph(500, 20_000, seed=1)
    nx.write_edgelist(graph, tmp_path / "long.txt", data=False)
    read = nx.read_edgelist(tmp_path / "long.txt")
    assert neighbours_of(read_network(tmp_path / "long.txt")) == neighbours_of(as_network(read))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("edges.txt", b"a b\na b c\n", "line 2: has 3 names"),
        ("edges.txt", b"a b\n\n# c\nalone\n", "line 4: has 1 names"),
        ("edges.txt", b"# nothing\n", "holds no edges"),
        ("edges.txt", b"a a\n", "holds no edges"),
        ("edges.txt", b"\xff\xfe", "is not a readable network"),
        ("net.graphml", b"<graphml", "is not a readable network"),
        ("net.graphml", b"<a/>", "is not a readable network"),
    ],
)
def test_files_that_hold_no_network_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_network(tmp_path / name)
