"""Simulation of fitted models on the network of the data, against the spreading process and plain loops."""

import numpy as np
import pandas as pd
import pytest

from tworate.inference.posterior.network_prediction import draws_within_reach, given_shares, simulate_shares
from tworate.inference.posterior.pacing import Pacing
from tworate.models import OneRateSI, OnlineOfflineSI, TwoRateSI
from tworate.models.structures import get_structure
from tworate.simulate import ContactNetwork, EventHistories, make_network, spread

N_DRAWS = 400
NETWORK = make_network("barabasi-albert", 200, 6, seed=1)
CONTACTS = ContactNetwork.of_network(NETWORK)
SEEDS = (3, 50, 120)


def given(n_agents, seeds):
    times = np.full(n_agents, np.inf)
    times[list(seeds)] = 0.0
    return times


def z_scores(first, second):
    """Differences of two samples' means in standard errors, shape (n_times,)."""
    error = np.sqrt(first.var(axis=0) / len(first) + second.var(axis=0) / len(second))
    return (first.mean(axis=0) - second.mean(axis=0)) / error


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
@pytest.mark.parametrize("kind", ["one-rate", "who", "background"])
def test_simulated_models_spread_as_the_process_does(clock, kind):
    q, degree, n_rounds = np.array([0.2, 0.03]), NETWORK.mean_degree, 15
    rates = -degree * np.log1p(-q) if clock == "rounds" else degree * q
    outside = 0.02 if kind == "background" else 0.0
    alpha = -np.log1p(-outside) if clock == "rounds" else outside
    rng = np.random.default_rng(2)
    settings = {"rounds": n_rounds, "seeds": SEEDS, "clock": clock}
    if kind == "who":
        # Every replicate has its own classes: the model draws them anew, too.
        runs = [
            spread(NETWORK, q[:, None], rng.random(200) > 0.4, replicates=1, visibility=1.0, seed=number, **settings)
            for number in range(N_DRAWS // 2)
        ]
    elif kind == "one-rate":
        runs = [spread(NETWORK, q[:1, None], replicates=N_DRAWS, visibility=1.0, seed=1, **settings)]
    else:
        runs = [spread(NETWORK, [[1.0]], replicates=N_DRAWS, visibility=q[0], outside=outside, seed=1, **settings)]
    counts = np.concatenate([data.table["infected"].to_numpy().reshape(-1, n_rounds + 1) for data in runs])
    model, values = {
        "one-rate": (OneRateSI, {"beta": rates[0]}),
        "who": (TwoRateSI, {"beta_fast": rates[0], "beta_slow": rates[1], "weight_fast": 0.4}),
        "background": (OnlineOfflineSI, {"beta": rates[0], "alpha": alpha}),
    }[kind]
    times = simulate_shares(
        model, {name: np.full(N_DRAWS, value) for name, value in values.items()}, CONTACTS, given(200, SEEDS),
        until=n_rounds, clock=clock, rng=rng,
    )  # fmt: skip
    simulated = np.array([np.searchsorted(np.sort(each), np.arange(n_rounds + 1), side="right") for each in times])
    assert np.all(simulated[:, 0] == 3)
    assert np.abs(z_scores(simulated[:, 1:], counts[:, 1:])).max() < 4.5


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_a_threshold_spreads_as_decisions_that_see_who_shared(clock):
    # The chance of a contact is 0.03 below three sharing neighbours and 0.2 from then on.
    low, high, degree, n_rounds = 0.03, 0.2, NETWORK.mean_degree, 20
    settings = {"rounds": n_rounds, "visibility": 1.0, "clock": clock, "seeds": SEEDS, "replicates": N_DRAWS}
    counts = spread(NETWORK, [[[low, low, high, high]]], seed=1, **settings).table["infected"].to_numpy()
    rates = -degree * np.log1p(-np.array([low, high])) if clock == "rounds" else degree * np.array([low, high])
    threshold = get_structure("threshold")
    # A thousandth of its worth is left to contact in any case.
    factor = (rates[0] / rates[1] - 0.001) / 0.999

    def simulated(factor):
        values = {"below_2": 1.0, "below_3": factor, "below_5": 1.0}
        columns = {name: np.full((N_DRAWS, 1), value) for name, value in values.items()}
        times = simulate_shares(
            OneRateSI, {"beta": np.full(N_DRAWS, rates[1])}, CONTACTS, given(200, SEEDS), until=n_rounds, clock=clock,
            rng=np.random.default_rng(3), pacing=Pacing(threshold, columns, 0.0, n_rounds, 1.0),
        )  # fmt: skip
        return np.array([np.searchsorted(np.sort(each), np.arange(n_rounds + 1), side="right") for each in times])

    observed = counts.reshape(-1, n_rounds + 1)[:, 1:]
    assert np.abs(z_scores(simulated(factor)[:, 1:], observed)).max() < 4.5
    assert np.abs(z_scores(simulated(1.5 * factor)[:, 1:], observed)).max() > 4.5


def test_weights_directions_and_fractions_count_as_in_a_plain_loop():
    edges = pd.DataFrame({"source": [0, 0, 1, 2, 3], "target": [1, 2, 3, 3, 4], "weight": [1.0, 0.5, 2.0, 1.0, 3.0]})
    network = ContactNetwork.of_edges(edges, agents=[0, 1, 2, 3, 4])
    n, rng = 4000, np.random.default_rng(3)
    for contact in ("edges", "fraction"):
        scale = np.full(5, network.mean_weight_in) if contact == "edges" else np.maximum(network.weights_in, 1e-9)
        beta = 0.9
        times = simulate_shares(
            OneRateSI, {"beta": np.full(n, beta)}, network, given(5, [0]), until=4, clock="rounds", rng=rng,
            contact=contact,
        )  # fmt: skip
        plain = np.full((n, 5), np.inf)
        plain[:, 0] = 0
        for t in range(1, 5):
            exposure = np.zeros((n, 5))
            for source, target, weight in edges.itertuples(index=False):
                exposure[:, target] += weight * (plain[:, source] < t)
            shares = rng.random((n, 5)) < -np.expm1(-beta * exposure / scale)
            plain[shares & ~np.isfinite(plain)] = t
        for t in (1, 2, 3, 4):
            parts = np.stack([(each <= t).mean(axis=0) for each in (times, plain)])
            error = np.sqrt((parts * (1 - parts)).sum(axis=0) / n)
            assert np.all(np.abs(parts[0] - parts[1]) <= 4.5 * error)


def test_a_simulation_goes_on_from_what_has_been_seen():
    # Agents that have seen much without sharing are slow ones: they share later than new ones would.
    network = ContactNetwork.of_edges(pd.DataFrame({"source": [0] * 500, "target": range(1, 501)}))
    values = {"beta_fast": np.full(20, 3.0), "beta_slow": np.full(20, 0.02), "weight_fast": np.full(20, 0.5)}
    scale, rng = network.mean_weight_in, np.random.default_rng(4)
    start = given(501, [0])
    model = TwoRateSI(3.0, 0.02, 0.5)
    times = simulate_shares(TwoRateSI, values, network, start, until=13, clock="rounds", rng=rng, start=10.0)
    shared = np.isfinite(times[:, 1:]).mean()
    expected = 1 - model.survival(13 / scale) / model.survival(10 / scale)
    assert shared == pytest.approx(expected, abs=4.5 * np.sqrt(expected * (1 - expected) / 10_000))


def test_given_shares_are_initial_and_unexplained_ones():
    network = ContactNetwork.of_edges(pd.DataFrame({"source": ["a", "x"], "target": ["b", "y"]}))
    shares = pd.DataFrame({"agent": ["a", "b", "x", "y"], "time": [2, 4, 5, 7]})
    found = given_shares(EventHistories(shares, network, 9), 0, "rounds")
    assert dict(zip(network.labels, found, strict=True)) == {"a": 0.0, "b": np.inf, "x": 3.0, "y": np.inf}
    # They happen whatever the model says; nobody else shares at a rate of 0.
    times = simulate_shares(
        OneRateSI, {"beta": np.zeros(2)}, network, found, until=7, clock="rounds", rng=np.random.default_rng(5)
    )
    np.testing.assert_array_equal(times, [found] * 2)


def test_fewer_draws_are_made_on_large_networks():
    assert draws_within_reach(400, 1000, 40, "rounds") == 400
    assert draws_within_reach(400, 100_000, 40, "rounds") == 20
    assert draws_within_reach(10, 10**7, 40, "rounds") == 10
