"""The complete network against the exact Markov chain, stored edges, and the logistic curve."""

import networkx as nx
import numpy as np
import pytest
from scipy import linalg, stats

from tworate.simulate import CompleteNetwork, CounterMessage, ReduceVisibility, from_graph, spread


def infected_at(trajectories, time):
    table = trajectories.table
    return table.loc[table["time"] == time, "infected"].to_numpy()


def chi_square(counts, probabilities, n):
    """Return the p-value of counts under a finite distribution; rare values are merged."""
    order = np.argsort(probabilities)
    merged, expected = [0.0], [0.0]
    for k in order:
        if expected[-1] >= 5:
            merged.append(0.0)
            expected.append(0.0)
        merged[-1] += counts[k]
        expected[-1] += n * probabilities[k]
    return stats.chisquare(merged, np.array(expected) * n / sum(expected)).pvalue


def law_in_rounds(n, seeds, rounds, c, p):
    """Compute the distribution if each of I sharers persuades a susceptible agent with probability c p in a round."""
    law = np.eye(n + 1)[seeds]
    for _ in range(rounds):
        after = np.zeros(n + 1)
        for i in range(n + 1):
            shares = 1 - (1 - c * p) ** i
            after[i:] += law[i] * stats.binom.pmf(np.arange(n - i + 1), n - i, shares)
        law = after
    return law


def law_in_time(n, seeds, time, c, p):
    """Compute the distribution of a pure birth process: the rate from I to I + 1 is I (N - I) c p."""
    i = np.arange(n + 1)
    rates = i * (n - i) * c * p
    return linalg.expm((np.diag(-rates) + np.diag(rates[:-1], 1)) * time)[seeds]


REPLICATES = 4000


@pytest.mark.parametrize("edges", ["implicit", "stored"])
@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_small_complete_network_has_the_law_of_the_markov_chain(clock, edges):
    n, seeds, c, p = 9, 2, 0.12, 0.4
    network = CompleteNetwork(n) if edges == "implicit" else from_graph(nx.complete_graph(n), "stored")
    result = spread(
        network, [[p]], rounds=8, replicates=REPLICATES, initial_sharers=seeds, visibility=c, clock=clock, seed=3
    )
    law = law_in_rounds if clock == "rounds" else law_in_time
    # Two tests with a joint level of 1e-3, and a negative control: they detect a c that is 15% larger.
    for time in (3, 8):
        counts = np.bincount(infected_at(result, time), minlength=n + 1)
        assert chi_square(counts, law(n, seeds, time, c, p), REPLICATES) > 1e-3 / 2
        assert chi_square(counts, law(n, seeds, time, c * 1.15, p), REPLICATES) < 1e-3 / 2


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_implicit_and_stored_edges_have_one_distribution_with_all_options(clock):
    n, members = 40, np.arange(40) % 2
    settings = {
        "rounds": 10,
        "replicates": 1500,
        "initial_sharers": 2,
        "visibility": 0.05,
        "outside": 0.02,
        "clock": clock,
        "interventions": [ReduceVisibility(0.5, 3), CounterMessage(3.0, 5)],
        "persona_labels": ["a", "b"],
    }
    table = [[0.5, 0.2, 0.05], [0.1, 0.6, 0.3]]
    implicit = spread(CompleteNetwork(n), table, members, **settings, seed=1)
    stored = spread(from_graph(nx.complete_graph(n), "complete"), table, members, **settings, seed=2)
    columns = ["infected", "si_edges", "sightings"]
    # Six Kolmogorov-Smirnov tests of trajectories and six of counts, with a joint level of 1e-3.
    for time in (4, 9):
        for name in columns:
            pair = [t.table.loc[t.table["time"] == time, name] for t in (implicit, stored)]
            assert stats.ks_2samp(*pair).pvalue > 1e-3 / 12
    for persona, sighting in ((p, m) for p in "ab" for m in (1, 2, 3)):
        totals = []
        for counts in (implicit.counts, stored.counts):
            chosen = counts[(counts["persona"] == persona) & (counts["sighting"] == sighting)]
            totals.append(chosen.groupby("trajectory")["decisions"].sum().reindex(range(1500), fill_value=0))
        assert stats.ks_2samp(*totals).pvalue > 1e-3 / 12


def test_ten_million_agents_follow_the_logistic_curve():
    # With one rate β = c p (N - 1) and a well-mixed population, i' = β i (1 - i).
    n, beta, i0 = 10_000_000, 0.5, 0.001
    result = spread(
        CompleteNetwork(n), [[0.05]], rounds=30, replicates=4, initial_sharers=int(i0 * n), clock="rounds",
        visibility=beta / 0.05 / (n - 1) / 100, seed=1,
    )  # fmt: skip
    # In rounds, s ← s exp(-β i / 100) up to terms of order 1/N.
    i = i0
    for _ in range(30):
        i = 1 - (1 - i) * np.exp(-beta / 100 * i)
    infected = infected_at(result, 30)
    # New sharers are nearly Poisson, so their standard deviation is about the root of their mean.
    assert abs(infected.mean() - i * n) < 4.5 * np.sqrt((i - i0) * n / 4)
    assert (result.table["degree"] == n - 1).all()
    assert set(result.table["network"]) == {"complete"}
