from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from scipy import sparse, stats

from tworate.simulate import random_regular
from tworate.simulate.regular import _bad_stubs, _paired, _repair, regular_neighbours

# A correct generator fails each of these tests for one in a thousand seeds.
LEVEL = 1e-3


def edges_of(neighbours, degree):
    return frozenset(
        (agent, int(other))
        for agent, row in enumerate(neighbours.reshape(-1, degree))
        for other in row
        if agent < other
    )


def all_regular_graphs(n, k):
    """List every labelled k-regular graph on n nodes, by exhaustive search."""

    def extended(node, missing, edges):
        if node == n:
            yield frozenset(edges)
            return
        later = [other for other in range(node + 1, n) if missing[other] > 0]
        for chosen in combinations(later, missing[node]):
            for other in chosen:
                missing[other] -= 1
            yield from extended(node + 1, missing, edges + [(node, other) for other in chosen])
            for other in chosen:
                missing[other] += 1

    return list(extended(0, [k] * n, []))


def short_cycles(edges, n):
    """Count the triangles and the cycles of length four."""
    low, high = np.array(sorted(edges)).T
    half = sparse.csr_array((np.ones(low.size), (low, high)), shape=(n, n))
    adjacency = half + half.T if n > 100 else (half + half.T).toarray()
    paths = adjacency @ adjacency
    degrees = paths.diagonal()
    pairs = (paths * paths).sum() - (degrees * degrees).sum() - paths.sum() + degrees.sum()
    return round((paths * adjacency).sum() / 6), round(pairs / 8)


def test_short_cycles_are_counted_as_networkx_counts_them():
    graph = nx.gnm_random_graph(12, 30, seed=1)
    fours = sum(len(cycle) == 4 for cycle in nx.simple_cycles(graph, 4))
    assert short_cycles(graph.edges, 12) == (sum(nx.triangles(graph).values()) // 3, fours)


SIZES = [
    (3, 2), (4, 2), (4, 3), (5, 2), (6, 3), (6, 5), (7, 2), (50, 24), (50, 25), (64, 33), (100, 97), (100, 98),
    (200, 40), (301, 150), (1000, 3),
]  # fmt: skip


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_every_agent_has_k_distinct_neighbours_that_are_mutual(n, k):
    for seed in range(3):
        neighbours = regular_neighbours(n, k, np.random.default_rng(seed)).reshape(n, k)
        pairs = {(agent, int(other)) for agent in range(n) for other in neighbours[agent]}
        assert len(pairs) == n * k
        assert all((other, agent) in pairs and agent != other for agent, other in pairs)


@pytest.mark.parametrize("k", [6, 40])
def test_bad_stubs_of_a_pairing_are_loops_and_repeats(k):
    neighbours = _paired(100, k, np.random.default_rng(1))
    rows = neighbours.reshape(100, k).tolist()
    expected = [
        agent * k + i
        for agent, row in enumerate(rows)
        for i, other in enumerate(row)
        if other == agent or other in row[:i]
    ]
    assert _bad_stubs(neighbours, k).tolist() == expected
    assert expected


def test_all_pairings_of_stubs_are_equally_likely():
    # Two agents with two stubs have three pairings: two of them join the agents twice, one makes two loops.
    drawn = Counter(tuple(_paired(2, 2, np.random.default_rng(seed)).tolist()) for seed in range(3000))
    assert set(drawn) == {(1, 1, 0, 0), (0, 0, 1, 1)}
    assert stats.binomtest(drawn[0, 0, 1, 1], 3000, 1 / 3).pvalue > LEVEL


def without_mixing(n, k, rng):
    while True:
        neighbours = _paired(n, k, rng)
        if _repair(neighbours, k, _bad_stubs(neighbours, k), rng):
            return neighbours


def uniformity(draw, n, k, graphs):
    """Return the p-value of Pearson's test that all graphs are equally likely, with 40 draws per graph on average."""
    rng = np.random.default_rng(5)
    drawn = Counter(edges_of(draw(n, k, rng), k) for _ in range(40 * len(graphs)))
    assert set(drawn) <= set(graphs)
    return stats.chisquare([drawn[graph] for graph in graphs]).pvalue


@pytest.mark.parametrize(("n", "k", "count"), [(6, 3, 70), (7, 2, 465)])
def test_all_labelled_graphs_are_equally_likely(n, k, count):
    graphs = all_regular_graphs(n, k)
    assert len(graphs) == count
    assert uniformity(regular_neighbours, n, k, graphs) > LEVEL


def test_the_test_of_uniformity_detects_repair_without_mixing():
    assert uniformity(without_mixing, 7, 2, all_regular_graphs(7, 2)) < 1e-9


def test_kinds_of_cubic_graphs_on_eight_nodes_are_as_frequent_as_their_labellings():
    graphs = all_regular_graphs(8, 3)
    assert len(graphs) == 19355  # OEIS A002829
    of_kind = Counter(short_cycles(graph, 8) for graph in graphs)
    rng = np.random.default_rng(3)
    drawn = Counter(short_cycles(edges_of(regular_neighbours(8, 3, rng), 3), 8) for _ in range(2000))
    kinds = [kind for kind, times in of_kind.items() if times * 2000 / 19355 > 5]
    observed = [drawn[kind] for kind in kinds]
    expected = [of_kind[kind] * sum(observed) / sum(of_kind[kind] for kind in kinds) for kind in kinds]
    assert len(kinds) >= 4
    assert stats.chisquare(observed, expected).pvalue > LEVEL


def test_short_cycles_of_large_networks_are_poisson():
    k, draws = 4, 300
    rng = np.random.default_rng(11)
    counts = np.array([short_cycles(edges_of(regular_neighbours(2000, k, rng), k), 2000) for _ in range(draws)])
    # Bollobás (1980): in the limit the counts are independent, with mean (k - 1)^j / (2 j) for cycles of length j.
    for cycles, mean in zip(counts.T, ((k - 1) ** 3 / 6, (k - 1) ** 4 / 8), strict=True):
        law = stats.poisson(mean)
        # The smallest and the largest counts are merged so that each class has an expectation of at least five.
        low, high = (int(law.ppf(q)) for q in (6 / draws, 1 - 6 / draws))
        expected = law.pmf(np.arange(low, high + 1))
        expected[0], expected[-1] = law.cdf(low), law.sf(high - 1)
        observed = np.bincount(np.clip(cycles, low, high) - low, minlength=high - low + 1)
        assert stats.chisquare(observed, draws * expected).pvalue > LEVEL
    assert stats.pearsonr(*counts.T).pvalue > LEVEL


def test_triangles_are_as_many_as_in_networkx():
    n, k, draws = 40, 6, 400
    rng = np.random.default_rng(2)
    ours = [short_cycles(edges_of(regular_neighbours(n, k, rng), k), n)[0] for _ in range(draws)]
    theirs = [short_cycles(map(sorted, nx.random_regular_graph(k, n, seed=i).edges), n)[0] for i in range(draws)]
    edges = np.quantile(ours + theirs, [0.2, 0.4, 0.6, 0.8])
    table = [np.bincount(np.searchsorted(edges, counts), minlength=5) for counts in (ours, theirs)]
    assert stats.chi2_contingency(table).pvalue > LEVEL


def test_networks_of_degree_three_are_connected_and_of_degree_two_are_not():
    # The most frequent isolated component is a K4; the expected number of them is about 0.07 / n².
    assert all(random_regular(1000, 3, seed).describe().connected for seed in range(20))
    ring = random_regular(1000, 2, seed=1).describe()
    assert ring.components > 1
    assert "not connected" in str(ring)


def test_equal_seeds_give_equal_networks_in_any_number_of_threads():
    alone = [random_regular(2000, 6, seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: random_regular(2000, 6, seed), range(4)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
    assert not np.array_equal(alone[0].indices, alone[1].indices)
