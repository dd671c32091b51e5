"""The continuous clock against EoN's event-driven SIR without recovery."""

import EoN
import networkx as nx
import numpy as np
import pytest
from scipy import stats

from tworate.simulate import from_graph, spread

GRAPHS = {
    "regular": lambda: nx.random_regular_graph(6, 200, seed=1),
    "barabasi-albert": lambda: nx.barabasi_albert_graph(200, 3, seed=1),
}
RUNS, STEPS, RATE = 400, 200, 0.8


def eon_times(graph, runs, rate, levels):
    """Return the times at which the numbers of infected nodes reach the levels."""
    times = []
    rng = np.random.default_rng(5)
    for _ in range(runs):
        starters = rng.choice(len(graph), 2, replace=False).tolist()
        t, _, infected, _ = EoN.fast_SIR(graph, rate, 0.0, initial_infecteds=starters, rng=rng)
        times.append([t[np.argmax(infected >= level)] for level in levels])
    return np.array(times)


@pytest.mark.parametrize("name", GRAPHS)
def test_times_to_ten_fifty_and_ninety_percent_are_those_of_eon(name):
    graph = GRAPHS[name]()
    levels = [20, 100, 180]
    expected = eon_times(graph, RUNS, RATE, levels)
    for factor, alike in ((1.0, True), (1.25, False)):
        result = spread(
            from_graph(graph, name), [[0.5]], rounds=STEPS, replicates=RUNS, initial_sharers=2, clock="continuous",
            visibility=factor * 2 * RATE / 20, seed=9,
        )  # fmt: skip
        infected = result.table["infected"].to_numpy().reshape(RUNS, STEPS + 1)
        assert infected[:, -1].min() >= levels[-1]
        times = np.argmax(infected[:, :, None] >= levels, axis=1)
        # The simulation has twenty records per unit of time, so EoN's times are rounded up to these. The joint level of
        # the three tests is 1e-3; a rate that is 25% larger is the negative control.
        smallest = min(stats.ks_2samp(times[:, k], np.ceil(expected[:, k] * 20)).pvalue for k in range(3))
        assert (smallest > 1e-3 / 3) == alike


def test_one_edge_shows_the_post_at_the_rate_of_visibility():
    # With two agents the time of sharing is exponential with rate c P; the recorded time is geometric.
    network = from_graph(nx.Graph([(0, 1)]), "pair")
    result = spread(
        network, [[0.5]], rounds=40, replicates=5000, initial_sharers=1, visibility=0.6, clock="continuous", seed=1
    )
    delay = (result.table["infected"] == 1).to_numpy().reshape(5000, 41).sum(axis=1)
    counts = np.bincount(np.minimum(delay, 12), minlength=13)[1:]
    expected = stats.geom(1 - np.exp(-0.3)).pmf(np.arange(1, 12))
    expected = np.append(expected, 1 - expected.sum()) * 5000
    assert stats.chisquare(counts, expected).pvalue > 1e-3
