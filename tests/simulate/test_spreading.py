"""The spreading kernel against a plain loop, closed forms, and theory in its limit."""

import networkx as nx
import numpy as np
import pytest
from scipy import integrate, stats

from tworate.errors import InputError
from tworate.simulate import CompleteNetwork, Spread, from_graph, random_regular, spread


def infected_by_round(trajectories):
    return trajectories.table.pivot(index="trajectory", columns="time", values="infected").to_numpy()


def plain_loop(graph, table, members, starters, rounds, visibility, rng):
    """Simulate the specified process agent by agent, with a sweep over all agents in every round."""
    shared = np.isin(np.arange(len(graph)), starters)
    seen = np.zeros(len(graph), dtype=int)
    counts, si_edges = [], []
    for _ in range(rounds + 1):
        counts.append(int(shared.sum()))
        si_edges.append(sum(shared[a] != shared[b] for a, b in graph.edges))
        persuaded = []
        for agent in range(len(graph)):
            if shared[agent]:
                continue
            n_sightings = rng.binomial(sum(shared[other] for other in graph[agent]), visibility)
            for _ in range(n_sightings):
                probability = table[members[agent]][min(seen[agent], len(table[0]) - 1)]
                seen[agent] += 1
                if rng.random() < probability:
                    persuaded.append(agent)
                    break
        shared[persuaded] = True
    return counts, si_edges


def test_kernel_and_plain_loop_have_the_same_distribution():
    graph = nx.random_regular_graph(4, 60, seed=2)
    table = [[0.5, 0.2, 0.05], [0.1, 0.6, 0.3]]
    members = np.arange(60) % 2
    result = spread(
        from_graph(graph, "regular"),
        table,
        members,
        rounds=8,
        replicates=1500,
        initial_sharers=2,
        visibility=0.4,
        seed=1,
    )
    kernel = result.table.pivot(index="trajectory", columns="time", values=["infected", "si_edges"])
    rng = np.random.default_rng(2)
    loop = [plain_loop(graph, table, members, rng.choice(60, 2, replace=False), 8, 0.4, rng) for _ in range(1500)]
    # Six Kolmogorov-Smirnov tests with a joint level of 1e-3; for discrete data the test is conservative.
    for time in (2, 5, 8):
        for column, index in (("infected", 0), ("si_edges", 1)):
            drawn = [run[index][time] for run in loop]
            assert stats.ks_2samp(kernel[column, time], drawn).pvalue > 1e-3 / 6


def test_plain_loop_test_has_the_power_to_detect_a_wrong_kernel():
    # This is the negative control of the test above: the same sample size must distinguish visibility 0.45 from 0.4.
    network, table, members = random_regular(60, 4, seed=2), [[0.5, 0.2, 0.05], [0.1, 0.6, 0.3]], np.arange(60) % 2
    right, wrong = (
        infected_by_round(
            spread(network, table, members, rounds=8, replicates=1500, initial_sharers=2, visibility=c, seed=s)
        )
        for c, s in ((0.4, 1), (0.45, 2))
    )
    assert stats.ks_2samp(right[:, 5], wrong[:, 5]).pvalue < 1e-3 / 6


def test_one_edge_shares_at_the_times_of_its_table():
    # Two agents and one edge: P(shared by round t) = 1 - Π over sightings (1 - P_m); the last P_m repeats.
    network = from_graph(nx.Graph([(0, 1)]), "pair")
    infected = infected_by_round(
        spread(network, [[0.3, 0.1, 0.6]], rounds=4, replicates=20_000, initial_sharers=1, visibility=1.0, seed=3)
    )
    expected = 1 - np.cumprod([0.7, 0.9, 0.4, 0.4])
    error = np.sqrt(expected * (1 - expected) / 20_000)
    assert np.all(np.abs((infected[:, 1:] - 1).mean(axis=0) - expected) < 4 * error)


def test_later_sightings_follow_the_rate_of_visibility():
    # One edge, visibility c, P = 1: the delay is geometric with mean 1/c.
    network = from_graph(nx.Graph([(0, 1)]), "pair")
    infected = infected_by_round(
        spread(network, [[1.0]], rounds=60, replicates=20_000, initial_sharers=1, visibility=0.2, seed=4)
    )
    delay = (infected == 1).sum(axis=1)
    assert abs(delay.mean() - 5) < 4 * delay.std() / np.sqrt(20_000)


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_large_regular_network_follows_the_edge_based_equations(clock):
    # One rate: θ ← θ - q (θ - s0 θ^(k-1)) per edge and round, or θ' = -q (…). This is exact for N → ∞ with many seeds.
    agents, degree, q, starters, rounds = 100_000, 6, 0.12, 2000, 25
    result = spread(
        random_regular(agents, degree, seed=5), [[q]], rounds=rounds, replicates=8, initial_sharers=starters,
        visibility=1.0, clock=clock, seed=6,
    )  # fmt: skip
    prevalence = infected_by_round(result) / agents
    s0 = 1 - starters / agents

    def fall(_, theta):
        return -q * (theta - s0 * theta ** (degree - 1))

    if clock == "rounds":
        theta = np.ones(rounds + 1)
        for t in range(rounds):
            theta[t + 1] = theta[t] + fall(t, theta[t])
    else:
        theta = integrate.solve_ivp(fall, (0, rounds), [1.0], t_eval=np.arange(rounds + 1), rtol=1e-9, atol=1e-9).y[0]
    expected = 1 - s0 * theta**degree
    error = prevalence.std(axis=0, ddof=1) / np.sqrt(8) + 1e-12
    z = (prevalence.mean(axis=0) - expected)[1:] / error[1:]
    # 25 dependent t-scores with 7 degrees of freedom: |t| > 9 occurs in one of 1,000 runs (Bonferroni).
    assert np.abs(z).max() < 9
    # The deviation of a finite network is of order 1/N, far below the error of a mean-field formula.
    assert np.abs(prevalence.mean(axis=0) - expected).max() < 0.01


def test_results_do_not_depend_on_the_number_of_threads_or_of_replicates():
    network = random_regular(300, 6, seed=7)
    table = np.array([[0.4, 0.2], [0.1, 0.05]])
    members = np.arange(300) % 2
    one, many = (spread(network, table, members, replicates=9, seed=8, threads=n).table for n in (1, 4))
    assert one.equals(many)
    few = spread(network, table, members, replicates=3, seed=8).table
    assert one[one["trajectory"] < 3].equals(few)
    assert not spread(network, table, members, replicates=9, seed=9).table.equals(one)


def test_si_edges_and_degree_are_recorded():
    table = spread(random_regular(100, 4, seed=1), [[0.5]], rounds=30, replicates=2, initial_sharers=3, seed=1).table
    assert set(table["degree"]) == {4}
    assert (table.loc[table["time"] == 0, "si_edges"] <= 12).all()
    assert (table.loc[table["infected"] == 100, "si_edges"] == 0).all()


def test_unequal_degrees_are_recorded_with_their_mean():
    graph = nx.star_graph(4)
    table = spread(from_graph(graph, "star"), [[0.5]], rounds=3, replicates=2, initial_sharers=1, seed=1).table
    assert set(table["degree"]) == {8 / 5}
    assert set(table["degrees"]) == {"1:4 4:1"}
    regular = spread(random_regular(20, 4, seed=1), [[0.5]], rounds=3, replicates=1, initial_sharers=1, seed=1).table
    assert "degrees" not in regular


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": 0}, "rounds = 0"),
        ({"replicates": 0}, "replicates = 0"),
        ({"initial_sharers": 20}, "below the number of agents"),
        ({"visibility": 0.0}, "visibility = 0.0"),
        ({"visibility": float("nan")}, "visibility = nan"),
        ({"visibility": 1.5}, r"visibility = 1.5: must lie in \(0, 1\]"),
        ({"visibility": float("inf"), "clock": "continuous"}, "visibility = inf: must be above 0"),
        ({"outside": -0.1}, r"outside = -0.1: must lie in \[0, 1\]"),
        ({"initial_sharers": 0}, "initial_sharers = 0: must be at least 1"),
        ({"clock": "sundial"}, "clock .sundial. is unknown"),
        ({"persona_labels": ["a", "b"]}, "1 different names"),
        ({"probabilities": [[1.5]]}, r"numbers in \[0, 1\]"),
        ({"probabilities": [[float("nan")]]}, r"numbers in \[0, 1\]"),
        ({"probabilities": [[0.1], [0.2]]}, "say which agent has which"),
        ({"probabilities": [[0.1], [0.2]], "personas": [2] * 20}, "a row from 0 to 1"),
    ],
)
def test_bad_settings_are_refused_by_name(arguments, message):
    with pytest.raises(InputError, match=message):
        spread(random_regular(20, 4, seed=0), **{"probabilities": [[0.1]], "seed": 0, **arguments})


def test_counts_say_who_shared_at_which_sighting():
    table = np.array([[0.5, 0.2, 0.05], [0.1, 0.6, 0.3]])
    network, members = random_regular(2000, 6, seed=3), np.arange(2000) % 2
    result = spread(
        network, table, members, rounds=12, replicates=10, visibility=0.5, seed=5, persona_labels=["keen", "slow"]
    )
    counts = result.counts
    assert set(counts["sighting"]) == {0, 1, 2, 3}
    assert (counts["agents"] == 1000).all()
    first = counts[counts["time"] == 0]
    assert (first["sighting"] == 0).all() and (first["decisions"] == 0).all()
    assert (first.groupby("trajectory")["new_sharers"].sum() == 5).all()
    shown = counts.groupby(["trajectory", "time"])["decisions"].sum()
    recorded = result.table.set_index(["trajectory", "time"])["sightings"]
    assert (recorded[shown.index] == shown).all() and recorded.sum() == shown.sum()
    # Decisions are independent trials with the probability of the table: six binomial tests with a joint level of 1e-3.
    total = counts[counts["sighting"] > 0].groupby(["persona", "sighting"])[["decisions", "new_sharers"]].sum()
    for (persona, sighting), row in total.iterrows():
        probability = table[["keen", "slow"].index(persona), sighting - 1]
        assert stats.binomtest(row["new_sharers"], row["decisions"], probability).pvalue > 1e-3 / 6
    # Only agents that saw the post once and did not share see it for the second time.
    by_sighting = (
        counts[counts["sighting"] > 0]
        .groupby(["trajectory", "persona", "sighting"])[["decisions", "new_sharers"]]
        .sum()
    )
    for _, part in by_sighting.groupby(["trajectory", "persona"]):
        one, two = part.iloc[0], part.iloc[1]
        assert two["decisions"] <= one["decisions"] - one["new_sharers"]


def test_si_edges_are_those_of_the_graph():
    # On a cycle, sharers may be neighbours or share in the same round. The expected counts are computed from scratch.
    graph = nx.cycle_graph(12)
    result = spread(
        from_graph(graph, "cycle"), [[1.0]], rounds=8, replicates=200, visibility=1.0, seeds=[0, 1, 5], seed=1
    )
    expected, shared = [], {0, 1, 5}
    for _ in range(9):
        expected.append(sum((a in shared) != (b in shared) for a, b in graph.edges))
        shared |= {b for a in shared for b in graph[a]}
    assert (result.table["si_edges"].to_numpy().reshape(200, 9) == expected).all()


def two_rates(exposure, fast, slow, weight):
    return weight * np.exp(-fast * exposure) + (1 - weight) * np.exp(-slow * exposure)


@pytest.mark.parametrize("mechanism", ["who", "when"])
def test_who_and_when_both_give_the_two_rate_curve_on_the_exposure_of_the_path(mechanism):
    # In continuous time on the complete network all agents have the exposure Λ = ∫ I/(N-1), so the susceptible fraction
    # is s0 G(Λ). For *who*, w = 1/2 and the rates are c P1 and c P2; for *when*, w = 1 - (1-p1)/(1-p2) and the rates
    # are c and c p2.
    n, rate, p1, p2 = 20_000, 1.5, 0.4, 0.1
    if mechanism == "who":
        table, members, curve = [[p1], [p2]], np.arange(n) % 2, (rate * p1, rate * p2, 0.5)
    else:
        table, members, curve = [[p1, p2]], None, (rate, rate * p2, 1 - (1 - p1) / (1 - p2))
    result = spread(
        CompleteNetwork(n), table, members, rounds=400, replicates=16, initial_sharers=400, clock="continuous",
        visibility=rate / (n - 1) / 20, seed=11,
    )  # fmt: skip
    infected = infected_by_round(result)
    # There are twenty records per time unit of the rates, so the error of the trapezoidal rule is far below the noise.
    exposure = np.concatenate(
        [np.zeros((16, 1)), np.cumsum((infected[:, 1:] + infected[:, :-1]) / 2, axis=1) / (n - 1) / 20], axis=1
    )
    s, predicted = 1 - infected / n, (1 - 400 / n) * two_rates(exposure, *curve)
    difference = (s - predicted)[:, 40::40]
    z = difference.mean(axis=0) / (difference.std(axis=0, ddof=1) / 4)
    # Nine dependent t-scores with 15 degrees of freedom: |t| > 5 occurs in one of 700 runs (Bonferroni).
    assert np.abs(z).max() < 5
    # The negative control: one rate that is fitted to the end of the curve has a large error in the middle.
    one_rate = -np.log(s[:, -1] / s[:, 0]) / exposure[:, -1]
    wrong = (s - s[:, :1] * np.exp(-one_rate[:, None] * exposure))[:, 40:-1:40]
    assert np.abs(wrong.mean(axis=0) / (wrong.std(axis=0, ddof=1) / 4)).max() > 20


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_the_outside_world_shows_the_post_to_everybody(clock):
    # There are no seeds, and edges show almost nothing. So agents share independently, with probability a P in a round
    # or at the rate a P.
    a, p, n = 0.1, 0.5, 2000
    graph = nx.empty_graph(n)
    graph.add_edge(0, 1)
    result = spread(
        from_graph(graph, "one edge"), [[p]], rounds=20, replicates=30, initial_sharers=0, outside=a, clock=clock,
        visibility=1e-9, seed=2,
    )  # fmt: skip
    escape = 1 - a * p if clock == "rounds" else np.exp(-a * p)
    expected = 1 - escape ** np.arange(21)
    z = (infected_by_round(result).mean(axis=0) / n - expected)[1:]
    z /= np.sqrt(expected * (1 - expected) / (n * 30))[1:]
    # Twenty dependent normal scores: |z| > 4.2 occurs in one of 1,800 runs (Bonferroni).
    assert np.abs(z).max() < 4.2


def test_a_replicate_does_not_depend_on_others_in_continuous_time():
    network = random_regular(300, 6, seed=7)
    table, members = np.array([[0.4, 0.2], [0.1, 0.05]]), np.arange(300) % 2
    settings = {"visibility": 0.3, "outside": 0.001, "clock": "continuous", "seed": 8}
    one, many = (spread(network, table, members, replicates=6, threads=n, **settings) for n in (1, 3))
    assert one.table.equals(many.table) and one.counts.equals(many.counts)
    alone = Spread(network, table, members, **settings).replicate(4)
    assert alone.infected.tolist() == one.table.loc[one.table["trajectory"] == 4, "infected"].tolist()


def test_many_states_need_wider_integers():
    # There are 40,000 states of agents; the result must equal that of a table with only the first sighting.
    table = np.full((4, 10_000), 0.5)
    network, members = random_regular(200, 4, seed=1), np.arange(200) % 4
    wide = spread(network, table, members, rounds=5, replicates=3, seed=1).table
    narrow = spread(network, table[:, :1], members, rounds=5, replicates=3, seed=1).table
    assert wide.equals(narrow)
