import networkx as nx
import numpy as np
import pytest

from tworate.errors import InputError
from tworate.simulate import CompleteNetwork, Network, from_graph
from tworate.simulate.inspection import LOOP, ONE_SIDED, REPEATED, SOUND, component_sizes, first_fault


def test_the_complete_network_stores_no_edges_and_has_the_same_degrees_as_a_stored_one():
    small, stored = CompleteNetwork(5), from_graph(nx.complete_graph(5), "complete")
    np.testing.assert_array_equal(small.degrees, stored.degrees)
    assert (small.name, small.n_agents, small.mean_degree) == ("complete", stored.n_agents, stored.mean_degree)
    assert small.describe() == stored.describe()
    assert CompleteNetwork(10**9).degrees.strides == (0,)
    with pytest.raises(InputError, match="agents = 1: a complete network has at least 2"):
        CompleteNetwork(1)


def test_a_network_is_described_as_networkx_would():
    graph = nx.gnm_random_graph(300, 280, seed=1)
    summary = from_graph(graph, "sparse").describe()
    sizes = [len(part) for part in nx.connected_components(graph)]
    degrees = [degree for _, degree in graph.degree]
    assert (summary.n_agents, summary.n_edges, summary.mean_degree) == (300, 280, pytest.approx(2 * 280 / 300))
    assert (summary.least_degree, summary.largest_degree) == (min(degrees), max(degrees))
    assert (summary.components, summary.largest_share) == (len(sizes), max(sizes) / 300)
    assert summary.isolated == sum(degree == 0 for degree in degrees) > 0
    assert not summary.connected


def test_components_are_counted_in_the_order_of_their_first_agents():
    network = from_graph(nx.disjoint_union_all([nx.path_graph(2), nx.empty_graph(1), nx.cycle_graph(4)]), "three")
    assert component_sizes(network.indptr, network.indices).tolist() == [2, 1, 4]


def test_the_sentence_says_whether_a_network_is_connected():
    parts = from_graph(nx.disjoint_union(nx.cycle_graph(1999), nx.empty_graph(1)), "parts")
    assert str(parts.describe()) == (
        "2000 agents, 1999 edges, 0 to 2 neighbours (mean 1.999); not connected: 2 components, 99.9% of the agents in "
        "the largest, 1 without a neighbour"
    )
    assert str(from_graph(nx.cycle_graph(5), "ring").describe()) == "5 agents, 5 edges, 2 neighbours each, connected"


@pytest.mark.parametrize(
    ("indptr", "indices", "message"),
    [
        ([1, 2], [0, 0], "indptr must rise from 0"),
        ([0, 2, 1, 2], [1, 2], "indptr must rise from 0"),
        ([0, 1], [0, 0], "indptr must rise from 0"),
        ([0], [], "indptr must rise from 0"),
        ([0, 1, 2], [1, 2], "from 0 to 1; there are 1 to 2"),
        ([0, 1, 2], [-1, 0], "from 0 to 1; there are -1 to 0"),
        ([0, 1, 2], [1.0, 0.0], "indices must be a list of whole numbers"),
    ],
)
def test_inconsistent_arrays_are_refused(indptr, indices, message):
    with pytest.raises(InputError, match=message):
        Network("bad", indptr, indices)


def doctored(change):
    """Return a network with a fault in which one agent has many neighbours."""
    network = from_graph(nx.star_graph(60), "star")
    indptr, indices = network.indptr.copy(), network.indices.copy()
    change(indices)
    return Network("star", indptr, indices)


def loop(indices):
    indices[10] = 0


def repeat(indices):
    indices[50] = indices[3]


def turn(indices):
    indices[-1] = 1


@pytest.mark.parametrize(
    ("change", "fault", "message"),
    [
        (loop, LOOP, "agent 0 is its own neighbour"),
        (repeat, REPEATED, "agent 0 has a neighbour twice"),
        (turn, ONE_SIDED, "an agent has a neighbour of which it is not a neighbour"),
    ],
)
def test_networks_that_are_not_simple_are_refused(change, fault, message):
    network = doctored(change)
    assert first_fault(network.indptr, network.indices)[1] == fault
    with pytest.raises(InputError, match=message):
        network.check_simple()


def test_repeats_are_found_among_few_neighbours_too():
    assert first_fault(np.array([0, 2, 4]), np.array([1, 1, 0, 0], dtype=np.int32)) == (0, REPEATED)
    sound = from_graph(nx.gnm_random_graph(100, 2000, seed=1), "sound")
    assert first_fault(sound.indptr, sound.indices) == (-1, SOUND)
