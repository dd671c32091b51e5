"""Every agent's own exposure, against loops, enumeration of all histories, and the simulation itself."""

import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from tworate.errors import InputError
from tworate.inference.data.individual import agent_exposure, observe_histories
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.predictor import predictor
from tworate.inference.likelihood.specification import Specification
from tworate.models import OneRateSI, OnlineOfflineSI, TwoRateSI
from tworate.simulate import as_trajectories, make_network, random_regular, spread
from tworate.simulate.contacts import ContactNetwork
from tworate.simulate.histories import EventHistories

BINOMIAL = LIKELIHOODS["binomial"]
EDGES = pd.DataFrame({"source": [0, 0, 1, 2, 3, 3, 4], "target": [1, 2, 3, 3, 4, 0, 2]})


def histories(shares, until, edges=EDGES, **how):
    network = ContactNetwork.of_edges(edges, directed=how.pop("directed", True), agents=range(5))
    table = pd.DataFrame(shares, columns=["trajectory", "agent", "time"])
    return EventHistories(table, network, until, how.pop("clock", "rounds"), **how)


def log_likelihood(data, model, values):
    """Log-likelihood of all agents: the sum of the binomial terms of the rows."""
    specification = Specification(model, BINOMIAL, level="individual")
    how = predictor(specification)
    per_window = {
        name: np.array([[value * (data.window if name in specification.rates else 1.0)]])
        for name, value in values.items()
    }
    log_escape = how.predict(how.arrays(data), per_window)[0]
    k, n = data.incidence, data.n_susceptible
    with np.errstate(divide="ignore"):
        share = np.where(k > 0, np.log(-np.expm1(log_escape)), 0.0)
    return k * share + (n - k) * log_escape


def exposure_by_loop(data, label, agent, until):
    """Exposure of an agent until a time, edge by edge and neighbour by neighbour."""
    network, times = data.network_of(0), data.share_times(0)
    total = 0.0
    for j in range(network.n_agents):
        for edge in range(network.indptr[j], network.indptr[j + 1]):
            if network.indices[edge] == agent and times[j] < until:
                weight = 1.0 if network.weights is None else network.weights[edge]
                total += weight * (until - times[j])
    return total


@pytest.mark.parametrize("contact", ["edges", "fraction"])
@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_exposure_is_that_of_a_plain_loop(clock, contact):
    rng = np.random.default_rng(3)
    pairs = [(i, j) for i, j in itertools.product(range(30), repeat=2) if i != j]
    edges = pd.DataFrame(rng.permutation(pairs)[:150], columns=["source", "target"])
    edges["weight"] = rng.uniform(0.2, 3.0, len(edges))
    network = ContactNetwork.of_edges(edges, agents=range(30))
    agents = rng.permutation(30)[:18]
    times = np.sort(rng.integers(0, 12, 18)) if clock == "rounds" else np.sort(rng.uniform(0, 12, 18))
    data = EventHistories(pd.DataFrame({"agent": network.labels[agents], "time": times}), network, 15.0, clock)
    exposure, _ = agent_exposure(data, clock, contact)
    assert exposure.agent.size > 10
    start = data.starts[0]
    for row in range(exposure.agent.size):
        agent = exposure.agent[row]
        scale = network.mean_weight_in if contact == "edges" else network.weights_in[agent]
        ends = (exposure.time_before[row] + start, exposure.time_end[row] + start)
        # Neighbours that share within an exact time's instant or its round count neither here nor there.
        expected = [exposure_by_loop(data, 0, agent, end) / scale for end in ends]
        assert (exposure.before[row], exposure.end[row]) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("q", [(0.3, 0.3), (0.5, 0.1)])
def test_probabilities_of_all_histories_of_a_small_network_sum_to_one(q):
    """Every history of four agents over three rounds: who shares in which round, or never."""
    k = ContactNetwork.of_edges(EDGES, agents=range(5)).mean_weight_in
    beta = [-k * np.log1p(-value) for value in q]
    model = OneRateSI if q[0] == q[1] else TwoRateSI
    values = {"beta": beta[0]}
    if model is TwoRateSI:
        values = {"beta_fast": beta[0], "beta_slow": beta[1], "weight_fast": 0.4}
    total, probabilities = 0.0, {}
    for times in itertools.product((1, 2, 3, np.inf), repeat=4):
        shares = [("a", 0, 0), *[("a", agent, time) for agent, time in enumerate(times, 1) if np.isfinite(time)]]
        data = histories(shares, 3)
        exposure, spontaneous = agent_exposure(data, "rounds")
        if spontaneous.sum():
            # Nobody shares who was not exposed.
            continue
        # Agents that were never exposed keep silent with probability 1.
        if not exposure.shared.any():
            escape = exposure.end[~exposure.shared]
            weights = (0.4, 0.6) if model is TwoRateSI else (1.0, 0.0)
            survival = sum(w * np.exp(-b * escape) for w, b in zip(weights, beta, strict=True))
            probability = float(np.prod(survival))
        else:
            probability = float(np.exp(log_likelihood(observe_histories(data, "rounds"), model, values).sum()))
        probabilities[times] = probability
        total += probability
    assert total == pytest.approx(1.0, rel=1e-12)
    # A plain simulation of the same process.
    rng, n, counts = np.random.default_rng(1), 40_000, Counter()
    neighbours = {i: EDGES["source"][EDGES["target"] == i].tolist() for i in range(5)}
    for _ in range(n):
        rates = np.where(rng.random(5) < 0.4, q[0], q[1])
        times = [0.0, *[np.inf] * 4]
        for t in (1, 2, 3):
            new = []
            for i in range(1, 5):
                shown = sum(times[j] < t for j in neighbours[i])
                if np.isinf(times[i]) and rng.random() < 1 - (1 - rates[i]) ** shown:
                    new.append(i)
            for i in new:
                times[i] = t
        counts[tuple(times[1:])] += 1
    assert set(counts) <= set(probabilities)
    for times, probability in probabilities.items():
        error = np.sqrt(probability * (1 - probability) / n)
        assert abs(counts[times] / n - probability) < 5 * error + 1e-9, times


@pytest.fixture(scope="module")
def simulated():
    network = random_regular(300, 6, seed=1)
    members = np.random.default_rng(1).integers(0, 2, 300)
    return spread(network, [[0.3], [0.05]], members, rounds=25, replicates=4, visibility=0.5, seed=2, histories=True)


def test_histories_of_a_simulation_count_as_its_trajectories_do(simulated):
    counted = as_trajectories(simulated.histories).table
    for name in ("trajectory", "time", "infected", "population", "degree"):
        np.testing.assert_array_equal(counted[name], simulated.table[name], err_msg=name)
    # Recording changes nothing else.
    again = spread(
        random_regular(300, 6, seed=1), [[0.3], [0.05]], np.random.default_rng(1).integers(0, 2, 300), rounds=25,
        replicates=4, visibility=0.5, seed=2,
    )  # fmt: skip
    pd.testing.assert_frame_equal(again.table, simulated.table)
    assert again.histories is None


def test_averaged_exposures_are_those_of_the_recorded_closure(simulated):
    # In a round each susceptible-sharer edge is one neighbour-round: summed over agents, the edges at its start.
    exposure, _ = agent_exposure(simulated.histories, "rounds")
    degree, last = 6, 25
    own = simulated.table[simulated.table["trajectory"] == 0]
    of_first = exposure.path == 0
    # Until its share, and in the round of its share, every agent is susceptible.
    assert (exposure.end[of_first] * degree).sum() == own["si_edges"].iloc[:last].sum()


def test_grouped_agents_have_the_likelihood_of_single_ones(simulated):
    data = observe_histories(simulated.histories, "rounds")
    exposure, _ = agent_exposure(simulated.histories, "rounds")
    values = {"beta_fast": 1.4, "beta_slow": 0.2, "weight_fast": 0.5}
    model = TwoRateSI(**values)
    single = np.where(
        exposure.shared,
        np.log(np.maximum(model.survival(exposure.before) - model.survival(exposure.end), 1e-300)),
        np.log(model.survival(exposure.end)),
    )
    rows = log_likelihood(data, TwoRateSI, values)
    assert rows.sum() == pytest.approx(single.sum(), rel=1e-12)
    assert data.size < exposure.agent.size / 2
    of_one = np.append(rows / data.n_susceptible, 0.0)
    units = data.units
    of_type = of_one[units.row_before] + of_one[units.row_event]
    np.testing.assert_allclose(of_type[units.type_of_agent], single, rtol=1e-10)
    np.testing.assert_array_equal(units.agent, exposure.agent)


def test_models_that_look_at_time_see_each_agent_at_its_own_time(simulated):
    data = observe_histories(simulated.histories, "rounds", by_time=OnlineOfflineSI.uses_time())
    exposure, _ = agent_exposure(simulated.histories, "rounds")
    beta, alpha = 0.8, 0.02
    waited = exposure.time_before - exposure.time_first, exposure.time_end - exposure.time_first
    escape = [np.exp(-beta * e - alpha * t) for e, t in zip((exposure.before, exposure.end), waited, strict=True)]
    single = np.where(exposure.shared, np.log(escape[0] - escape[1] + (escape[0] == escape[1])), np.log(escape[1]))
    rows = log_likelihood(data, OnlineOfflineSI, {"beta": beta, "alpha": alpha})
    assert rows.sum() == pytest.approx(single.sum(), rel=1e-10)
    assert not OneRateSI.uses_time()
    assert not TwoRateSI.uses_time()


def test_exact_times_have_the_density(simulated):
    rng = np.random.default_rng(5)
    network = ContactNetwork.of_network(make_network("random-regular", 60, 4, seed=1))
    agents = rng.permutation(60)[:40]
    shares = pd.DataFrame({"agent": agents, "time": np.sort(rng.uniform(0, 10, 40))})
    data = EventHistories(shares, network, 12.0, "continuous")
    exposure, _ = agent_exposure(data, "continuous")
    rows = observe_histories(data, "continuous")
    first, second = ({"beta_fast": f, "beta_slow": 0.1, "weight_fast": 0.3} for f in (0.9, 1.3))
    # The length of an instant is a constant: differences between parameters are those of the densities.
    found = np.subtract(*(log_likelihood(rows, TwoRateSI, values).sum() for values in (first, second)))

    def density(values):
        model = TwoRateSI(**values)
        at = exposure.end[exposure.shared]
        return (
            np.log(model.hazard(at) * model.survival(at)).sum()
            + np.log(model.survival(exposure.end[~exposure.shared])).sum()
        )

    assert found == pytest.approx(density(first) - density(second), abs=1e-4)


def test_trajectories_are_kept_apart_where_effects_of_replicates_are_fitted(simulated):
    data = observe_histories(simulated.histories, "rounds", kept_apart=np.arange(4))
    assert np.all(np.diff(data.path) >= 0)
    assert set(data.path) == {0, 1, 2, 3}
    together = observe_histories(simulated.histories, "rounds")
    values = {"beta": 0.7}
    assert log_likelihood(data, OneRateSI, values).sum() == pytest.approx(
        log_likelihood(together, OneRateSI, values).sum(), rel=1e-12
    )


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="nobody shares who was exposed"):
        observe_histories(histories([("a", 0, 0)], 5), "rounds")
    with pytest.raises(InputError, match="times in rounds must be whole numbers"):
        observe_histories(histories([("a", 0, 0.5), ("a", 1, 2)], 5), "rounds")


def test_agents_that_share_without_exposure_are_further_initial_sharers():
    data = observe_histories(histories([("a", 0, 0), ("a", 1, 1), ("a", 4, 1)], 4), "rounds")
    assert any(note.endswith("taken as further initial sharers: 1") for note in data.cautions)
    # Agent 4 is no unit; agents 1, 2 and 3 are.
    assert set(data.units.agent) == {1, 2, 3}


def most_likely(data, model, start):
    """Return the most likely parameters, and their standard errors from the curvature; rates on the log scale."""
    names = list(start)

    def loss(point):
        values = {
            n: 1 / (1 + np.exp(-x)) if n == "weight_fast" else np.exp(x) for n, x in zip(names, point, strict=True)
        }
        return -log_likelihood(data, model, values).sum()

    begin = [np.log(v / (1 - v)) if n == "weight_fast" else np.log(v) for n, v in start.items()]
    found = optimize.minimize(loss, begin, method="BFGS")
    return dict(zip(names, found.x, strict=True)), dict(zip(names, np.sqrt(np.diag(found.hess_inv)), strict=True))


def test_seeds_chosen_by_persona_do_not_bias_rates_and_leave_the_weight_of_the_others():
    # A quarter of the agents share from the start, all of them fast: of the others a third is fast, not a half.
    network = random_regular(2000, 8, seed=1)
    members = np.random.default_rng(1).permutation(np.arange(2000) % 2)
    q = np.array([0.15, 0.02])
    data = spread(
        network, q[:, None], members, rounds=40, replicates=3, visibility=1.0, seeds="persona:fast",
        initial_sharers=500, persona_labels=["fast", "slow"], seed=2, histories=True,
    )  # fmt: skip
    start = {"beta_fast": 1.0, "beta_slow": 0.2, "weight_fast": 0.4}
    found, error = most_likely(observe_histories(data.histories, "rounds"), TwoRateSI, start)
    fast, slow = np.log(-8 * np.log1p(-q))
    truth = {"beta_fast": fast, "beta_slow": slow, "weight_fast": np.log(0.5)}
    for name, value in truth.items():
        assert abs(found[name] - value) < 4.5 * error[name], name


def test_agents_that_are_alike_have_the_probability_of_their_decisions():
    # The exact likelihood of decisions: each is a coin with the probability q.
    data = spread(
        random_regular(1000, 6, seed=3), [[0.1]], rounds=20, replicates=3, visibility=1.0, seed=4, histories=True
    )
    decided = data.counts[data.counts["sighting"] > 0]
    by_decisions = decided["new_sharers"].sum() / decided["decisions"].sum()
    found, error = most_likely(observe_histories(data.histories, "rounds"), OneRateSI, {"beta": 0.5})
    # Histories do not say which of several sharing neighbours persuaded, which hardly matters.
    assert found["beta"] == pytest.approx(np.log(-6 * np.log1p(-by_decisions)), abs=0.5 * error["beta"])


@pytest.mark.parametrize(
    ("way", "said"), [("as they are", None), ("reversed", "the other way"), ("once", "in both ways")]
)
def test_edges_that_lead_the_wrong_way_are_noticed(way, said):
    made = spread(random_regular(300, 6, seed=1), np.array([[0.3]]), rounds=12, replicates=2, seed=2, histories=True)
    histories = made.histories
    edges = histories.networks[next(iter(histories.networks))].to_numbers()
    if way != "as they are":
        # A post went from lower to higher numbers only, or in both ways along edges that are written once.
        edges = edges[edges["source"] < edges["target"]]
    if way == "reversed":
        histories = along(edges, 300, seed=3)
        edges = edges.rename(columns={"source": "target", "target": "source"})
    network = ContactNetwork.of_edges(edges, agents=range(300))
    notes = observe_histories(
        EventHistories(histories.table, network, until=12, clock="rounds"), "rounds", "edges", by_time=False
    ).cautions
    found = [note for note in notes if note.startswith("if edges led")]
    assert len(found) == (said is not None)
    assert said is None or f"if edges led {said}, only" in found[0]


def along(edges, n_agents, seed):
    """Event histories in which a post goes along directed edges."""
    rng = np.random.default_rng(seed)
    times = np.full(n_agents, np.inf)
    times[:20] = 0.0
    for t in range(12):
        exposed = edges["target"].to_numpy()[times[edges["source"]] <= t]
        new = np.unique(exposed[rng.random(exposed.size) < 0.3])
        times[new[np.isinf(times[new])]] = t + 1.0
    agents = np.flatnonzero(np.isfinite(times))
    shares = pd.DataFrame({"agent": agents, "time": times[agents]})
    return EventHistories(shares, ContactNetwork.of_edges(edges, agents=range(n_agents)), until=12, clock="rounds")
