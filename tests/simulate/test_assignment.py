import networkx as nx
import numpy as np
import pytest

from tworate.errors import InputError
from tworate.simulate import assortativity, from_graph, make_alike, make_network
from tworate.simulate.assignment import assortativity_of_edges
from tworate.simulate.generators import NETWORKS


def labels_of(n_agents, counts, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))[:n_agents]


def by_networkx(graph, labels):
    nx.set_node_attributes(graph, {i: int(label) for i, label in enumerate(labels)}, "persona")
    return nx.attribute_assortativity_coefficient(graph, "persona")


def graph_of(network):
    if network.name == "complete":
        return nx.complete_graph(network.n_agents)
    graph = nx.empty_graph(network.n_agents)
    graph.add_edges_from(zip(np.repeat(np.arange(network.n_agents), network.degrees), network.indices, strict=True))
    return graph


@pytest.mark.parametrize("kind", list(NETWORKS))
@pytest.mark.parametrize("counts", [(100, 100), (10, 30, 160), (5,) * 40])
def test_assortativity_is_that_of_networkx(kind, counts):
    network = make_network(kind, 200, 6, seed=3)
    labels = labels_of(200, counts)
    assert assortativity(network, labels) == pytest.approx(by_networkx(graph_of(network), labels), abs=1e-12)


def test_assortativity_in_closed_form():
    cliques = from_graph(nx.disjoint_union(nx.complete_graph(4), nx.complete_graph(4)), "cliques")
    assert assortativity(cliques, [0, 0, 0, 0, 1, 1, 1, 1]) == 1
    # In a complete graph every labelling has the assortativity -1 / (n - 1).
    assert assortativity(from_graph(nx.complete_graph(8), "complete"), labels_of(8, (2, 6))) == pytest.approx(-1 / 7)
    assert assortativity(from_graph(nx.complete_bipartite_graph(3, 3), "both"), [0, 0, 0, 1, 1, 1]) == -1
    assert np.isnan(assortativity(cliques, [2] * 8))
    # The agent with the other label has no neighbour.
    with_isolated = nx.path_graph(2)
    with_isolated.add_node(2)
    assert np.isnan(assortativity(from_graph(with_isolated, "with isolated"), [0, 0, 1]))


@pytest.mark.parametrize("labels", [[0, 1], [0.0, 1.0, 1.0], [0, 1, -1]])
def test_labels_of_other_agents_are_refused(labels):
    with pytest.raises(InputError, match="for each of the 3 agents"):
        assortativity(from_graph(nx.path_graph(3), "path"), labels)


def test_random_labels_have_the_assortativity_of_chance():
    network = make_network("random-regular", 100, 6, seed=1)
    drawn = [assortativity(network, labels_of(100, (50, 30, 20), seed)) for seed in range(400)]
    # Two distinct agents are alike a little less often than two draws with replacement: -1 / (n - 1). With four
    # standard errors a correct program fails for one in 16,000 seeds.
    assert abs(np.mean(drawn) + 1 / 99) < 4 * np.std(drawn) / np.sqrt(len(drawn))


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind != "complete"])
@pytest.mark.parametrize(("counts", "homophily"), [((500, 500), 0.3), ((900, 60, 40), 0.15), ((100,) * 10, 0.25)])
def test_labels_are_moved_until_the_target_is_reached_and_none_is_lost(kind, counts, homophily):
    network = make_network(kind, 1000, 8, seed=2)
    labels = labels_of(1000, counts)
    placed = make_alike(network, labels, homophily, seed=4)
    np.testing.assert_array_equal(np.bincount(placed), counts)
    assert by_networkx(graph_of(network), placed) == pytest.approx(homophily, abs=0.01)
    assert assortativity(network, labels) < homophily / 2
    np.testing.assert_array_equal(labels, labels_of(1000, counts))


@pytest.mark.parametrize("homophily", [0.01, 0.02, 0.1, 0.2, 0.4])
def test_the_target_is_reached_as_nearly_as_one_swap_allows(homophily):
    network = make_network("random-regular", 500, 8, seed=1)
    labels = labels_of(500, (250, 250))
    placed = make_alike(network, labels, homophily, seed=0)
    # A swap changes at most 2 k of the n k / 2 edges, and the result is the nearer side of the target; 1 - Σ b² = 1/2.
    assert abs(assortativity(network, placed) - homophily) <= 0.5 * (2 * 8 / 2000) / 0.5


@pytest.mark.parametrize(("homophily", "nearest"), [(0.5, 0.2), (0.7, 1.0)])
def test_the_nearer_side_of_a_target_is_chosen(homophily, nearest):
    # Two cliques of five and two labels of five: only -0.2 (split 3 and 2), 0.2 (4 and 1) and 1 are possible.
    cliques = from_graph(nx.disjoint_union(nx.complete_graph(5), nx.complete_graph(5)), "cliques")
    placed = make_alike(cliques, [0, 0, 0, 1, 1, 1, 1, 1, 0, 0], homophily, seed=0)
    assert assortativity(cliques, placed) == pytest.approx(nearest)


def test_labels_that_are_too_much_alike_are_moved_apart():
    network = make_network("watts-strogatz", 400, 8, seed=1)
    sorted_labels = np.arange(400) // 200
    assert assortativity(network, sorted_labels) > 0.7
    assert assortativity(network, make_alike(network, sorted_labels, 0.2, seed=1)) == pytest.approx(0.2, abs=0.01)


def test_same_seed_gives_same_places_and_another_seed_gives_others():
    network = make_network("random-regular", 300, 6, seed=1)
    labels = labels_of(300, (100, 200))
    first, again, other = (make_alike(network, labels, 0.2, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_zero_homophily_leaves_all_labels_in_place():
    labels = labels_of(300, (100, 200))
    np.testing.assert_array_equal(make_alike(make_network("random-regular", 300, 6, 1), labels, 0.0, seed=1), labels)


@pytest.mark.parametrize("seed", range(3))
def test_labels_that_fit_the_clusters_are_placed_on_them(seed):
    cliques = from_graph(nx.disjoint_union_all([nx.complete_graph(9)] * 32), "cliques")
    placed = make_alike(cliques, labels_of(288, (9,) * 32, seed), 1.0, seed=seed)
    assert assortativity(cliques, placed) == 1


def test_an_unreachable_target_is_refused_with_the_value_that_was_reached():
    complete = from_graph(nx.complete_graph(20), "complete")
    with pytest.raises(InputError, match=r"0\.2 was not reached.*\(complete\).*ended at -0\.053; ask for at most 0,"):
        make_alike(complete, labels_of(20, (10, 10)), 0.2, seed=0)
    network = make_network("random-regular", 1000, 8, seed=1)
    with pytest.raises(InputError, match=r"ended at 0\.[345]\d\d; ask for at most 0\.[345]") as caught:
        make_alike(network, labels_of(1000, (500, 500)), 0.9, seed=0)
    max_homophily = float(str(caught.value).split("at most ")[1].split(",")[0])
    # The value that the message advises can be reached.
    placed = make_alike(network, labels_of(1000, (500, 500)), max_homophily, seed=0)
    assert assortativity(network, placed) == pytest.approx(max_homophily, abs=0.01)


@pytest.mark.parametrize("homophily", [-0.1, 1.1, float("nan")])
def test_homophily_outside_its_range_is_refused(homophily):
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        make_alike(make_network("random-regular", 10, 2, 1), labels_of(10, (5, 5)), homophily, seed=0)


def test_homophily_of_one_persona_is_refused():
    with pytest.raises(InputError, match="all agents are of one persona"):
        make_alike(make_network("random-regular", 10, 2, 1), np.zeros(10, dtype=int), 0.5, seed=0)


def test_homophily_in_a_complete_network_is_refused():
    with pytest.raises(InputError, match=r"homophily = 0\.5: in a complete network everybody is everybody's neighbour"):
        make_alike(make_network("complete", 10, 2, 1), labels_of(10, (5, 5)), 0.5, seed=0)


def test_assortativity_of_directed_edges_is_that_of_networkx():
    rng = np.random.default_rng(3)
    graph = nx.gnp_random_graph(60, 0.1, seed=3, directed=True)
    labels = rng.integers(0, 3, 60)
    # Edges lead to agents of the same label more often than by chance.
    graph.remove_edges_from([(a, b) for a, b in graph.edges if labels[a] != labels[b] and rng.random() < 0.5])
    source, target = labels[np.array(graph.edges)].T
    assert assortativity_of_edges(source, target) == pytest.approx(by_networkx(graph, labels))
    # Edges of agents without a label do not count.
    without = np.append(source, [-1, 2]), np.append(target, [0, -1])
    assert assortativity_of_edges(*without) == assortativity_of_edges(source, target)
    assert np.isnan(assortativity_of_edges(np.zeros(3, int), np.zeros(3, int)))
    assert np.isnan(assortativity_of_edges(np.array([-1]), np.array([0])))
