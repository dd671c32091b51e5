from collections import Counter
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from scipy import stats

from tworate.errors import InputError
from tworate.simulate.edges import from_edges
from tworate.simulate.random_graphs import (
    block_begins,
    block_edges,
    erdos_renyi,
    preferential,
    stochastic_block,
    watts_strogatz,
)

# A correct generator fails each of these tests for one in a thousand seeds.
LEVEL = 1e-3


def uniformity(draw, graphs):
    """Return the p-value of Pearson's test that all graphs are equally likely, with 50 draws per graph on average."""
    rng = np.random.default_rng(1)
    drawn = Counter(frozenset(zip(*(end.tolist() for end in draw(rng)), strict=True)) for _ in range(50 * len(graphs)))
    assert set(drawn) == set(graphs)
    return stats.chisquare([drawn[graph] for graph in graphs]).pvalue


@pytest.mark.parametrize(("n_edges", "count"), [(2, 15), (3, 20), (4, 15), (6, 1)])
def test_all_networks_with_a_given_number_of_edges_are_equally_likely(n_edges, count):
    graphs = [frozenset(edges) for edges in combinations(combinations(range(4), 2), n_edges)]
    assert len(graphs) == count
    if count == 1:
        source, target = erdos_renyi(4, n_edges, np.random.default_rng(1))
        assert set(zip(source.tolist(), target.tolist(), strict=True)) == graphs[0]
    else:
        assert uniformity(lambda rng: erdos_renyi(4, n_edges, rng), graphs) > LEVEL


@pytest.mark.parametrize(("n_edges", "between", "across", "inside"), [(3, 1 / 3, 1, 2), (5, 0.4, 2, 3), (5, 0.8, 4, 1)])
def test_all_networks_with_given_edges_within_and_between_blocks_are_equally_likely(n_edges, between, across, inside):
    pairs = list(combinations(range(5), 2))
    # The blocks are {0, 1} and {2, 3, 4}.
    apart = [pair for pair in pairs if (pair[0] < 2) != (pair[1] < 2)]
    together = [pair for pair in pairs if pair not in apart]
    graphs = [frozenset(one + two) for one in combinations(apart, across) for two in combinations(together, inside)]
    assert block_begins(5, 2).tolist() == [0, 2, 5]
    assert uniformity(lambda rng: stochastic_block(5, n_edges, 2, between, rng), graphs) > LEVEL


def test_the_test_of_uniformity_detects_edges_drawn_one_end_after_the_other():
    def unequal(rng):
        # The blocks have unequal sizes, so a pair of the smaller block is drawn too often.
        one = rng.integers(5)
        other = rng.choice([agent for agent in range(5) if agent != one and (agent < 2) == (one < 2)])
        return np.array([min(one, other)]), np.array([max(one, other)])

    together = [frozenset([pair]) for pair in ((0, 1), (2, 3), (2, 4), (3, 4))]
    assert uniformity(unequal, together) < 1e-3


def test_blocks_with_fewer_pairs_than_edges_are_refused():
    assert block_edges(100, 400, 4, 0.05) == (20, 380, 3750, 1200)
    with pytest.raises(InputError, match=r"380 edges within 20 blocks of 5 or more agents are too many: there are 200"):
        stochastic_block(100, 400, 20, 0.05, np.random.default_rng(1))
    with pytest.raises(InputError, match=r"30 edges between 2 blocks .* ask for more blocks"):
        stochastic_block(10, 30, 2, 1.0, np.random.default_rng(1))


def adjacency_of(n, ends):
    adjacency = np.zeros((n, n))
    adjacency[ends[0], ends[1]] = adjacency[ends[1], ends[0]] = 1
    return adjacency


def moments(adjacency):
    """Compute statistics that distinguish networks: variance and maximum of degree, transitivity, clustering."""
    degrees = adjacency.sum(axis=1)
    closed = np.einsum("ij,ij->i", adjacency @ adjacency, adjacency)
    wedges = degrees * (degrees - 1)
    return degrees.var(), degrees.max(), closed.sum() / wedges.sum(), np.mean(closed / np.maximum(wedges, 1))


def test_moments_are_those_of_networkx():
    graph = nx.powerlaw_cluster_graph(40, 3, 0.5, seed=1)
    statistics = moments(nx.to_numpy_array(graph))
    assert statistics[2:] == pytest.approx((nx.transitivity(graph), nx.average_clustering(graph)), abs=1e-12)


def moments_of(draw):
    """Compute the moments of 200 networks that `draw` returns for each seed."""
    return np.array([moments(draw(seed)) for seed in range(200)])


def ours(kind, n, *parameters):
    rng = np.random.default_rng(7)
    return moments_of(lambda _: adjacency_of(n, kind(n, *parameters, rng)))


def smallest_p(one, other):
    """Return the smallest p-value of the Kolmogorov-Smirnov tests of the moments, times their number."""
    return min(stats.ks_2samp(a, b).pvalue for a, b in zip(one.T, other.T, strict=True)) * one.shape[1]


def holme_kim(n, m, triads, seed):
    """Grow a network in a plain loop over sets."""
    rng = np.random.default_rng(seed)
    graph = nx.star_graph(m)
    ends = [end for edge in graph.edges for end in edge]
    for new in range(m + 1, n):
        linked = []
        friend = None
        for i in range(m):
            possible = sorted(set(graph[friend]) - set(linked)) if i and rng.random() < triads else []
            if possible:
                linked.append(possible[rng.integers(len(possible))])
                continue
            friend = ends[rng.integers(len(ends))]
            while friend in linked:
                friend = ends[rng.integers(len(ends))]
            linked.append(friend)
        graph.add_edges_from((new, other) for other in linked)
        ends += [end for other in linked for end in (new, other)]
    return graph


@pytest.mark.parametrize("rewired", [0.1, 0.6, 1.0])
def test_rewired_rings_agree_with_networkx(rewired):
    theirs = moments_of(lambda seed: nx.to_numpy_array(nx.watts_strogatz_graph(80, 6, rewired, seed=seed)))
    assert smallest_p(ours(watts_strogatz, 80, 6, rewired), theirs) > LEVEL
    # The comparison can detect a difference.
    assert smallest_p(ours(watts_strogatz, 80, 6, rewired / 2), theirs) < LEVEL


def test_a_complete_ring_cannot_be_rewired():
    ends = watts_strogatz(7, 6, 1.0, np.random.default_rng(1))
    assert np.array_equal(adjacency_of(7, ends), 1 - np.eye(7))
    ends = watts_strogatz(8, 4, 0.0, np.random.default_rng(1))
    np.testing.assert_array_equal(adjacency_of(8, ends), nx.to_numpy_array(nx.watts_strogatz_graph(8, 4, 0.0)))


def test_preferential_growth_agrees_with_networkx():
    theirs = moments_of(lambda seed: nx.to_numpy_array(nx.barabasi_albert_graph(150, 3, seed=seed)))
    assert smallest_p(ours(preferential, 150, 3, 0.0), theirs) > LEVEL
    assert smallest_p(ours(preferential, 150, 3, 0.1), theirs) < LEVEL


@pytest.mark.parametrize("triads", [0.3, 1.0])
def test_growth_with_triads_agrees_with_a_plain_loop(triads):
    theirs = moments_of(lambda seed: nx.to_numpy_array(holme_kim(150, 3, triads, seed)))
    assert smallest_p(ours(preferential, 150, 3, triads), theirs) > LEVEL
    assert smallest_p(ours(preferential, 150, 3, triads - 0.1), theirs) < LEVEL


def test_clustering_with_triads_agrees_with_networkx_if_that_loses_no_edges():
    # With two links, the only triad of a new agent cannot repeat one of its links.
    theirs = moments_of(lambda seed: nx.to_numpy_array(nx.powerlaw_cluster_graph(150, 2, 0.5, seed=seed)))[:, 3:]
    assert smallest_p(ours(preferential, 150, 2, 0.5)[:, 3:], theirs) > LEVEL
    assert smallest_p(ours(preferential, 150, 2, 0.4)[:, 3:], theirs) < LEVEL


@pytest.mark.parametrize("triads", [0.0, 1.0])
@pytest.mark.parametrize(("n", "links"), [(3, 1), (30, 28), (31, 15), (400, 2)])
def test_every_new_agent_has_all_its_links(n, links, triads):
    network = from_edges("grown", n, *preferential(n, links, triads, np.random.default_rng(2)))
    network.check_simple()
    assert network.n_edges == (n - links) * links
    assert network.describe().connected
    assert network.degrees[links:].min() == links
    # networkx loses edges if links can close triangles.
    assert nx.powerlaw_cluster_graph(400, 4, 0.9, seed=1).number_of_edges() < (400 - 4) * 4
