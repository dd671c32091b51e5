import networkx as nx
import numpy as np
import pytest

from tworate.errors import InputError
from tworate.simulate import CompleteNetwork, from_graph, make_network, random_regular, read_network
from tworate.simulate.network import NETWORKS


def test_random_regular_network_is_simple_symmetric_and_regular():
    network = random_regular(200, 6, seed=4)
    assert network.n_agents == 200
    assert set(network.degrees) == {6}
    edges = {(i, int(j)) for i in range(200) for j in network.indices[network.indptr[i] : network.indptr[i + 1]]}
    assert len(edges) == 200 * 6
    assert all((j, i) in edges and i != j for i, j in edges)


def test_same_seed_same_network_and_another_seed_another():
    first, again, other = (random_regular(50, 4, seed=seed).indices for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_from_graph_keeps_neighbours_of_an_irregular_graph_with_an_isolated_node():
    graph = nx.Graph([(0, 1), (0, 2), (2, 4)])
    graph.add_node(3)
    network = from_graph(nx.convert_node_labels_to_integers(graph, ordering="sorted"), "small")
    neighbours = [list(network.indices[a:b]) for a, b in zip(network.indptr, network.indptr[1:], strict=False)]
    assert neighbours == [[1, 2], [0], [0, 4], [], [2]]
    assert network.mean_degree == pytest.approx(6 / 5)


@pytest.mark.parametrize(
    ("agents", "degree", "message"),
    [(10, 1, "at least 2"), (10, 10, "below the number of agents"), (11, 3, "must be even")],
)
def test_impossible_networks_are_refused(agents, degree, message):
    with pytest.raises(InputError, match=message):
        random_regular(agents, degree, seed=0)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_named_networks_are_simple_seeded_and_have_the_mean_degree_asked(name):
    network = make_network(name, 500, 6, seed=3)
    assert network.n_agents == 500
    # A Barabási-Albert network begins with fewer edges: (n - m) m of them in all.
    assert network.mean_degree == pytest.approx(6 if name != "barabasi-albert" else 2 * (500 - 3) * 3 / 500)
    np.testing.assert_array_equal(network.indices, make_network(name, 500, 6, seed=3).indices)
    owner = np.repeat(np.arange(500), network.degrees)
    assert not np.any(owner == network.indices)
    assert len(set(zip(owner, network.indices, strict=True))) == network.indices.size


def test_networks_from_files(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("# friends\nann,bob\nbob, ann\n\ncid bob\ncid cid\n")
    network = make_network(str(path), 1000, 8, seed=0)
    assert network.name == "edges.csv"
    assert sorted(network.degrees) == [1, 1, 2]
    for header in ("source,target", '"From" "To"'):
        path.write_text(f"{header}\nann,bob\n")
        assert read_network(path).n_agents == 2
    path.write_text("ann,bob\nsource,target\n")
    assert read_network(path).n_agents == 4
    graph = nx.path_graph(4)
    graph.add_node("alone")
    nx.write_graphml(graph, tmp_path / "path.graphml")
    assert sorted(read_network(tmp_path / "path.graphml").degrees) == [0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("edges.txt", b"a b\na b c\n", "line 2: has 3 names"),
        ("edges.txt", b"# nothing\n", "holds no edges"),
        ("edges.txt", b"\xff\xfe", "is not a readable network"),
        ("net.graphml", b"<graphml", "is not a readable network"),
        ("net.graphml", b"<a/>", "is not a readable network"),
    ],
)
def test_files_that_hold_no_network_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_network(tmp_path / name)


def test_unknown_kinds_are_refused_with_those_that_exist():
    with pytest.raises(InputError, match="neither a file nor one of random-regular, erdos-renyi"):
        make_network("scale-free", 100, 4, seed=0)
    with pytest.raises(InputError, match="even mean degree"):
        make_network("barabasi-albert", 100, 3, seed=0)


def test_the_complete_network_stores_no_edges_and_has_the_degrees_of_one_that_does():
    small, stored = CompleteNetwork(5), from_graph(nx.complete_graph(5), "complete")
    np.testing.assert_array_equal(small.degrees, stored.degrees)
    assert (small.name, small.n_agents, small.mean_degree) == ("complete", stored.n_agents, stored.mean_degree)
    assert CompleteNetwork(10**9).degrees.strides == (0,)
    with pytest.raises(InputError, match="agents = 1: a complete network has at least 2"):
        CompleteNetwork(1)
