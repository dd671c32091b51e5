import networkx as nx
import numpy as np
import pytest
from tworate.errors import InputError
from tworate.simulate import from_graph, random_regular


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
