"""Interventions and seeds: who they are about, and what they change."""

import networkx as nx
import numpy as np
import pytest
from scipy import stats

from tworate.errors import InputError
from tworate.inference.data.observations import observe
from tworate.simulate import (
    Block,
    CompleteNetwork,
    CounterMessage,
    MessageText,
    ReduceVisibility,
    from_graph,
    parse_intervention,
    random_regular,
    spread,
)
from tworate.simulate.interventions import multiply_odds, tables_by_round, visibility_by_round
from tworate.simulate.seeding import Agents, choose, parse_seeds

STAR = from_graph(nx.star_graph(9), "star")


@pytest.mark.parametrize(
    ("text", "intervention"),
    [
        ("block:0.1", Block(0.1)),
        ("block:0.1,degree", Block(0.1, "degree")),
        ("block:1,persona:O,c", Block(1.0, "persona:O,c")),
        ("visibility:0.5,10", ReduceVisibility(0.5, 10)),
        ("counter:0.5", CounterMessage(0.5)),
        ("counter:2,3", CounterMessage(2.0, 3)),
        ("message:note.txt", MessageText("note.txt")),
        ("message:notes/a, b.txt,3", MessageText("notes/a, b.txt", 3)),
    ],
)
def test_text_forms_are_read_and_written(text, intervention):
    assert parse_intervention(text) == intervention
    assert parse_intervention(str(intervention)) == intervention


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ban:0.1", "intervention 'ban:0.1' is none of block:"),
        ("block:many", "is none of"),
        ("block:1.5", r"fraction = 1.5: must lie in \(0, 1\]"),
        ("block:nan", "fraction = nan"),
        ("block:0.1,rich", "block: who = 'rich': must be one of random"),
        ("visibility:0.5", "is none of"),
        ("visibility:2,0", r"factor = 2.0: must lie in \[0, 1\]"),
        ("visibility:0.5,-1", "from_round = -1: must be 0 or more"),
        ("counter:0", "odds_factor = 0.0: must be above 0"),
        ("counter:inf", "odds_factor = inf: must be above 0"),
        ("message:", "message: name the file of its text"),
    ],
)
def test_bad_texts_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse_intervention(text)


def test_schedules_multiply_interventions_that_apply_together():
    several = [ReduceVisibility(0.5, 2), ReduceVisibility(0.5, 3), CounterMessage(2.0, 1), CounterMessage(3.0, 3)]
    assert visibility_by_round(0.8, 5, several).tolist() == [0.8, 0.8, 0.4, 0.2, 0.2]
    tables, number = tables_by_round(np.array([[0.5, 1.0]]), 5, several)
    assert number.tolist() == [0, 1, 1, 2, 2]
    # The odds of sharing are 1, 2 and 6; a probability of 1 stays 1.
    np.testing.assert_allclose(tables[:, 0], [[1 / 2, 1], [2 / 3, 1], [6 / 7, 1]])
    p = np.array([0.01, 0.4, 0.99])
    np.testing.assert_allclose(multiply_odds(p, 0.3) / (1 - multiply_odds(p, 0.3)), 0.3 * p / (1 - p))


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_interventions_apply_from_their_round_on(clock):
    settings = {"rounds": 12, "replicates": 20, "visibility": 0.3, "clock": clock, "seed": 1, "initial_sharers": 20}
    network = random_regular(1000, 6, seed=2)
    plain = spread(network, [[0.3, 0.2]], **settings).table
    for intervention in (ReduceVisibility(0.0, 4), CounterMessage(1e-9, 4)):
        stopped = spread(network, [[0.3, 0.2]], **settings, interventions=[intervention]).table
        early = stopped["time"] <= 4
        # Before the round even the draws are equal; after it nobody shares.
        assert stopped.loc[early, "infected"].equals(plain.loc[early, "infected"])
        late = stopped[~early].groupby("trajectory")["infected"]
        assert late.min().tolist() == late.max().tolist() == stopped.loc[stopped["time"] == 4, "infected"].tolist()
        assert set(stopped["intervention"]) == {str(intervention)}
    assert "intervention" not in plain


def test_a_counter_message_changes_the_odds_of_the_decisions():
    result = spread(
        random_regular(5000, 6, seed=2), [[0.4]], rounds=10, replicates=5, visibility=0.3, seed=3, initial_sharers=50,
        interventions=[CounterMessage(0.25)],
    )  # fmt: skip
    total = result.counts[result.counts["sighting"] == 1][["decisions", "new_sharers"]].sum()
    # The odds 2/3 become 1/6, which is a probability of 1/7.
    assert stats.binomtest(total["new_sharers"], total["decisions"], 1 / 7).pvalue > 1e-3
    assert stats.binomtest(total["new_sharers"], total["decisions"], 0.4).pvalue < 1e-3


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
@pytest.mark.parametrize(
    ("network", "visibility"), [(random_regular(200, 6, seed=1), 0.1), (CompleteNetwork(200), 0.003)]
)
def test_a_message_that_is_read_changes_the_table_from_its_time_on(clock, network, visibility):
    plain, read = [[0.5, 0.2]], [[0.1, 0.05]]
    how = {"rounds": 12, "replicates": 2, "visibility": visibility, "seed": 3, "clock": clock}

    def infected(table, **more):
        return spread(network, table, **how, **more).table["infected"].to_numpy().reshape(2, -1)

    # The draws are the same, so that the tables alone decide.
    from_start = infected(plain, interventions=[MessageText("note.txt")], with_message=read)
    np.testing.assert_array_equal(from_start, infected(read))
    later = infected(plain, interventions=[MessageText("note.txt", 6)], with_message=read)
    np.testing.assert_array_equal(later[:, :7], infected(plain)[:, :7])
    assert later[:, -1].sum() < infected(plain)[:, -1].sum()


def test_a_message_and_odds_apply_together():
    plain, read = np.array([[0.5, 0.2]]), np.array([[0.2, 0.5]])
    tables, number = tables_by_round(plain, 5, [MessageText("note.txt", 2), CounterMessage(0.25, 3)], read)
    assert number.tolist() == [0, 0, 1, 2, 2]
    np.testing.assert_allclose(tables, [plain, read, multiply_odds(read, 0.25)])


@pytest.mark.parametrize(
    ("interventions", "table", "message"),
    [
        ([MessageText("a.txt")], None, r"message:a\.txt,0: give the decision table with the message"),
        ([], [[0.1, 0.1]], "there is no intervention message"),
        ([MessageText("a.txt"), MessageText("b.txt")], [[0.1, 0.1]], "one counter-message as a text"),
        ([MessageText("a.txt")], [[0.1]], "in the shape of the table"),
        ([MessageText("a.txt")], [[0.1, 1.1]], "must hold probabilities"),
    ],
)
def test_messages_without_their_table_are_refused(interventions, table, message):
    with pytest.raises(InputError, match=message):
        spread(CompleteNetwork(20), [[0.5, 0.2]], rounds=2, seed=1, interventions=interventions, with_message=table)


def test_blocked_agents_take_no_part_and_are_not_counted():
    # The centre of the star is the agent with most neighbours; without it there are no edges.
    with pytest.raises(InputError, match=r"block:0.1,degree leaves no two agents that are neighbours"):
        spread(STAR, [[1.0]], initial_sharers=1, seed=1, interventions=[Block(0.1, "degree")])
    members = np.arange(1000) % 2
    result = spread(
        random_regular(1000, 6, seed=1), [[0.5], [0.5]], members, rounds=30, replicates=4, seed=1,
        interventions=[Block(1.0, "persona:b")], persona_labels=["a", "b"],
    )  # fmt: skip
    assert set(result.counts["persona"]) == {"a"} and set(result.counts["agents"]) == {500}
    assert set(result.table["population"]) == {500}
    # networkx computes the degrees of the remaining graph.
    graph = nx.Graph()
    network = random_regular(1000, 6, seed=1)
    source = np.repeat(np.arange(1000), network.degrees)
    graph.add_edges_from(zip(source.tolist(), network.indices.tolist(), strict=True))
    remaining = graph.subgraph(range(0, 1000, 2))
    degrees = [degree for _, degree in remaining.degree]
    assert set(result.table["degree"]) == {np.mean(degrees)}
    counts = dict(pair.split(":") for pair in result.table["degrees"].iloc[0].split())
    assert {int(k): int(n) for k, n in counts.items()} == {k: degrees.count(k) for k in set(degrees)}
    assert (2 * result.table["si_edges"].max()) <= sum(degrees)


@pytest.mark.parametrize("kind", ["regular", "complete"])
def test_exposure_is_that_of_the_agents_who_take_part(kind):
    # With one rate and given the past, a susceptible agent shares in a round with probability c p times the number of
    # its sharing neighbours. This is c p k x up to the second order, which is a thousandth of it here. So the incidence
    # that the exposure x of the recorded closure predicts must agree with the simulated one; their difference is nearly
    # Poisson.
    n, k = 4000, 8
    network = CompleteNetwork(n) if kind == "complete" else random_regular(n, k, seed=4)
    c, p = (0.2 * k / n if kind == "complete" else 0.2), 0.005
    result = spread(
        network, [[p]], rounds=100, replicates=10, visibility=c, initial_sharers=1000, seed=5,
        interventions=[Block(0.4)],
    )  # fmt: skip
    assert set(result.table["population"]) == {2400}
    assert kind != "complete" or set(result.table["degree"]) == {2399}
    data = observe(result, "recorded")
    degree = data.paths["degree"].to_numpy(dtype=float)[data.path]
    exposure = data.exposure_end - data.exposure_start
    expected = np.sum(data.n_susceptible * c * p * degree * exposure)
    assert expected > 1500
    assert abs(data.incidence.sum() - expected) < 4 * np.sqrt(expected)
    # The negative control: with the agents and neighbours of the whole network, the prediction is wrong.
    whole_network = np.sum((n - result.table["infected"]) * c * p * network.mean_degree) * exposure.mean()
    assert abs(data.incidence.sum() - whole_network) > 10 * np.sqrt(expected)


def test_seeds_are_chosen_by_degree_persona_and_at_random():
    degrees = np.array([3, 5, 5, 1, 5, 2])
    agents = Agents(degrees, np.array([0, 1, 0, 1, 0, 1], dtype=np.int32), ("a", "b"))
    rng = np.random.default_rng(1)
    picked = [set(choose("seeds", "degree", 2, agents, None, rng).tolist()) for _ in range(300)]
    assert {frozenset(pair) for pair in picked} == {frozenset(p) for p in ({1, 2}, {1, 4}, {2, 4})}
    assert set(choose("seeds", "degree", 4, agents, None, rng)) == {0, 1, 2, 4}
    assert set(choose("seeds", "persona:b", 3, agents, None, rng)) == {1, 3, 5}
    free = np.array([True, False, True, False, True, True])
    assert set(choose("seeds", "random", 4, agents, free, rng)) == {0, 2, 4, 5}
    assert set(choose("seeds", "degree", 2, agents, free, rng)) == {2, 4}
    with pytest.raises(InputError, match="seeds = persona:b: 4 agents are asked for, and there are 3"):
        choose("seeds", "persona:b", 4, agents, None, rng)


def test_random_seeds_are_equally_likely():
    # 3 of 10 agents, 6000 times: chi-square for draws without replacement. The variance is smaller by the factor
    # (1 - 3/10) / (1 - 1/10).
    agents = Agents(STAR.degrees, np.zeros(10, dtype=np.int32), ("0",))
    rng = np.random.default_rng(1)
    counts = np.bincount(np.concatenate([choose("seeds", "random", 3, agents, None, rng) for _ in range(6000)]))
    statistic = ((counts - 1800) ** 2 / 1800).sum() * (9 / 7)
    assert stats.chi2(9).sf(statistic) > 1e-3


@pytest.mark.parametrize("network", [STAR, CompleteNetwork(10)])
def test_seeds_of_a_spread(network):
    members = np.array([0, 1] * 5)
    settings = {"rounds": 1, "replicates": 5, "seed": 1, "persona_labels": ["a", "b"]}
    for seeds, by_persona in ((range(0, 4), [2, 2]), ("persona:b", [0, 3]), ([1], [0, 1])):
        result = spread(network, [[0.0], [0.0]], members, seeds=seeds, initial_sharers=3, **settings)
        first = result.counts[(result.counts["time"] == 0) & (result.counts["trajectory"] == 0)]
        assert first["new_sharers"].tolist() == by_persona
    # Agents that are named as seeds are not blocked.
    for seed in range(5):
        result = spread(
            network, [[0.0], [0.0]], members, seeds=[0, 1], interventions=[Block(0.5)], **{**settings, "seed": seed}
        )
        assert set(result.table["infected"]) == {2} and set(result.table["population"]) == {5}


def test_seeds_by_degree_begin_in_the_centre_of_a_star():
    result = spread(STAR, [[1.0]], rounds=1, visibility=1.0, seeds="degree", initial_sharers=1, seed=1)
    assert result.table["infected"].tolist() == [1, 10] * 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": "rich"}, "seeds = 'rich': must be one of random"),
        ({"seeds": "persona:c"}, "seeds = persona:c: there is no persona 'c'; there are: a, b"),
        ({"interventions": [Block(0.5, "persona:c")]}, "block: who = persona:c: there is no persona"),
        ({"seeds": [1, 1]}, "must be different agents"),
        ({"seeds": [10]}, "numbered from 0 to 9"),
        ({"seeds": []}, "at least one"),
        ({"seeds": range(10)}, "seeds are all 10 agents"),
        ({"interventions": [Block(0.8)], "initial_sharers": 2}, "all agents that block:0.8,random leaves"),
        ({"interventions": [Block(0.9)], "initial_sharers": 2}, "2 agents are asked for, and there are 1"),
    ],
)
def test_invalid_seeds_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        spread(STAR, [[0.1], [0.2]], np.arange(10) % 2, **{"seed": 1, "persona_labels": ["a", "b"], **arguments})


def test_seeds_as_text():
    assert parse_seeds("random") == "random"
    assert parse_seeds("persona:OcEaN") == "persona:OcEaN"
    assert parse_seeds("4") == (4,)
    with pytest.raises(InputError, match=r"seeds = '3;4': must be one of .* or numbers of agents such as 3,17,20"):
        parse_seeds("3;4")
