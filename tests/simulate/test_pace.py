"""Changes of the pace against plain loops, closed forms, and each other."""

import heapq
import json

import networkx as nx
import numpy as np
import pytest
from scipy import integrate, special, stats

from tworate.errors import InputError
from tworate.models.structures import Bins, get_structure
from tworate.simulate import (
    CompleteNetwork,
    Pace,
    ReduceVisibility,
    Spread,
    from_graph,
    parse_pace,
    random_regular,
    spread,
    spread_to,
)
from tworate.simulate.thinning import make_thinning

CLOCKS = ("rounds", "continuous")
# The formulas are written again here, so that the tests do not depend on those of the package.
PACES = {
    "ageing": (Pace(ageing=5), lambda t: np.exp(-t / 5), lambda a: 1.0),
    "power": (Pace(ageing=2, ageing_law="power"), lambda t: 1 / (1 + t / 2), lambda a: 1.0),
    "rhythm": (Pace(rhythm=(6, 1.2)), lambda t: np.exp(1.2 * (np.cos(2 * np.pi * t / 6) - 1)), lambda a: 1.0),
    "shelf life": (Pace(shelf_life=2), lambda t: 1.0, lambda a: float(a < 2)),
    "fading": (Pace(fading=2), lambda t: 1.0, lambda a: np.exp(-a / 2)),
    "all": (
        Pace(ageing=12, rhythm=(8, 0.5), shelf_life=4, fading=6),
        lambda t: np.exp(-t / 12 + 0.5 * (np.cos(2 * np.pi * t / 8) - 1)),
        lambda a: np.exp(-a / 6) * (a < 4),
    ),
}
GRAPH = nx.random_regular_graph(4, 60, seed=2)
VISIBILITY, PROBABILITY, ROUNDS, REPLICATES = 0.8, 0.35, 10, 1000


def infected_by_time(trajectories):
    return trajectories.table.pivot(index="trajectory", columns="time", values="infected").to_numpy()


def loop_in_rounds(graph, starters, g, f, rng):
    """Simulate agent by agent and edge by edge."""
    shared_at = dict.fromkeys(starters, 0)
    counts = [len(shared_at)]
    for t in range(ROUNDS):
        persuaded = [
            agent
            for agent in graph
            if agent not in shared_at
            and any(
                rng.random() < VISIBILITY * g(t) * f(t - shared_at[other]) and rng.random() < PROBABILITY
                for other in graph[agent]
                if other in shared_at
            )
        ]
        shared_at |= dict.fromkeys(persuaded, t + 1)
        counts.append(len(shared_at))
    return counts


GRID = np.linspace(0, ROUNDS, 1001)


def loop_in_time(graph, starters, g, f, rng):
    """Simulate the first passage along edges: a sharer persuades a neighbour when its integrated rate is used up."""
    shared_at, due = {}, [(0.0, agent) for agent in starters]
    while due:
        time, agent = heapq.heappop(due)
        if agent in shared_at:
            continue
        shared_at[agent] = time
        later = GRID[time < GRID]
        at = np.append(time, later)
        rate = VISIBILITY * PROBABILITY * np.array([g(u) * f(u - time) for u in (at[1:] + at[:-1]) / 2])
        used = np.append(0.0, np.cumsum(rate * np.diff(at)))
        for other in graph[agent]:
            threshold = rng.exponential()
            if other not in shared_at and threshold < used[-1]:
                heapq.heappush(due, (float(np.interp(threshold, used, at)), other))
    times = np.array(list(shared_at.values()))
    return [int(np.sum(times <= t)) for t in range(ROUNDS + 1)]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("name", PACES)
def test_incidence_is_that_of_a_plain_loop(name, clock):
    pace, g, f = PACES[name]
    rng = np.random.default_rng(3)
    loop = loop_in_rounds if clock == "rounds" else loop_in_time
    expected = np.array([loop(GRAPH, [0, 30], g, f, rng) for _ in range(200)])
    settings = {"rounds": ROUNDS, "replicates": REPLICATES, "seeds": [0, 30], "visibility": VISIBILITY, "clock": clock}
    network = from_graph(GRAPH, "regular")

    def z_scores(pace):
        found = infected_by_time(spread(network, [[PROBABILITY]], **settings, pace=pace, seed=1))
        new, of_loop = np.diff(found, axis=1), np.diff(expected, axis=1)
        error = np.sqrt(new.var(axis=0) / REPLICATES + of_loop.var(axis=0) / len(of_loop))
        return (new.mean(axis=0) - of_loop.mean(axis=0)) / np.maximum(error, 1e-3)

    # Ten dependent normal scores: |z| > 4 occurs in one of 1,600 (Bonferroni). The negative control is no pace.
    assert np.abs(z_scores(pace)).max() < 4
    assert np.abs(z_scores(None)).max() > 8


PAIRS = 20_000


def pairs_spread(**settings):
    """Simulate pairs of agents, of which one has shared; return the times at which the others share."""
    graph = nx.Graph((2 * pair, 2 * pair + 1) for pair in range(PAIRS))
    data = spread(
        from_graph(graph, "pairs"), [[PROBABILITY]], rounds=ROUNDS, replicates=1, seeds=range(0, 2 * PAIRS, 2),
        visibility=VISIBILITY, histories=True, seed=4, **settings,
    )  # fmt: skip
    return data.histories.share_times(0)[1::2]


@pytest.mark.parametrize("name", PACES)
def test_one_neighbour_shares_in_rounds_with_the_product_of_the_probabilities(name):
    pace, g, f = PACES[name]
    times = pairs_spread(pace=pace)
    chance = [VISIBILITY * PROBABILITY * g(t) * f(t) for t in range(ROUNDS)]
    expected = 1 - np.cumprod(1 - np.array(chance))
    found = np.array([np.mean(times <= t + 1) for t in range(ROUNDS)])
    # Ten dependent normal scores: |z| > 4 occurs in one of 1,600 (Bonferroni).
    assert np.abs((found - expected) / np.sqrt(expected * (1 - expected) / PAIRS)).max() < 4


@pytest.mark.parametrize("name", PACES)
def test_one_neighbour_shares_in_continuous_time_at_exactly_the_rate_of_the_pace(name):
    pace, g, f = PACES[name]
    times = pairs_spread(pace=pace, clock="continuous")
    grid = np.linspace(0, ROUNDS, 4001)
    rate = VISIBILITY * PROBABILITY * np.array([g(t) * f(t) for t in grid])
    law = 1 - np.exp(-integrate.cumulative_trapezoid(rate, grid, initial=0.0))
    n_shared = np.isfinite(times).sum()
    assert abs(n_shared - PAIRS * law[-1]) < 4 * np.sqrt(PAIRS * law[-1] * (1 - law[-1]))

    # Exact times of those that share, within units of time too: Kolmogorov-Smirnov tests at a level of 1e-3. The
    # negative control takes the pace at the start of each unit for the whole unit.
    def p_value(of_law):
        return stats.kstest(times[np.isfinite(times)], lambda t: np.interp(t, grid, of_law / of_law[-1])).pvalue

    assert p_value(law) > 1e-3
    if pace.rhythm or pace.ageing_law == "power":
        coarse = VISIBILITY * PROBABILITY * np.array([g(np.floor(t)) * f(t) for t in grid])
        assert p_value(1 - np.exp(-integrate.cumulative_trapezoid(coarse, grid, initial=0.0))) < 1e-3


@pytest.mark.parametrize("name", PACES)
@pytest.mark.parametrize("clock", CLOCKS)
def test_implicit_and_stored_edges_of_the_complete_network_have_one_law(clock, name):
    settings = {
        "rounds": 8, "replicates": 1000, "initial_sharers": 3, "visibility": 0.05, "outside": 0.01, "clock": clock,
        "interventions": [ReduceVisibility(0.7, 5)], "pace": PACES[name][0],
    }  # fmt: skip
    table = [[0.5, 0.2, 0.6]]
    stored = spread(from_graph(nx.complete_graph(40), "stored"), table, **settings, seed=1).table
    implicit, plain = (
        spread(CompleteNetwork(40), table, **{**settings, "pace": pace}, seed=2).table
        for pace in (settings["pace"], None)
    )
    # Six tests with a joint level of 1e-3; the negative control has no pace.
    for time in (3, 5, 8):
        for column in ("infected", "sightings"):
            of = [table.loc[table["time"] == time, column] for table in (stored, implicit, plain)]
            assert stats.ks_2samp(of[0], of[1], method="asymp").pvalue > 1e-3 / 6
            if (time, column) == (5, "infected"):
                assert stats.ks_2samp(of[0], of[2], method="asymp").pvalue < 1e-6


def test_the_outside_world_keeps_its_pace():
    # Agents without neighbours share at the rate of the outside world alone, whatever the pace.
    graph = nx.empty_graph(2000)
    graph.add_edge(0, 1)
    for clock in CLOCKS:
        result = spread(
            from_graph(graph, "one edge"), [[0.5]], rounds=10, replicates=20, initial_sharers=0, outside=0.1,
            visibility=1e-9, clock=clock, pace=Pace(ageing=1, shelf_life=1), seed=2,
        )  # fmt: skip
        share = infected_by_time(result)[:, -1].mean() / 2000
        expected = 1 - (0.95**10 if clock == "rounds" else np.exp(-0.5))
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / 40_000)


def test_without_a_pace_every_draw_is_as_before():
    # Written by the version without a pace; the same seed must give the same trajectory for ever.
    network = random_regular(300, 6, seed=7)
    table, members = np.array([[0.4, 0.2], [0.1, 0.05]]), np.arange(300) % 2
    settings = {"rounds": 12, "replicates": 1, "visibility": 0.3, "seed": 8}
    golden = {
        "rounds": [5, 6, 9, 10, 13, 16, 19, 21, 28, 35, 39, 49, 59],
        "continuous": [5, 8, 9, 13, 17, 19, 24, 27, 33, 40, 47, 50, 65],
    }
    for clock, infected in golden.items():
        found = spread(network, table, members, clock=clock, **settings).table["infected"]
        assert found.tolist() == infected
    # A shelf life that never ends changes no draw of the rounds.
    endless = spread(network, table, members, pace=Pace(shelf_life=1000), **settings).table["infected"]
    assert endless.tolist() == golden["rounds"]


@pytest.mark.parametrize("clock", CLOCKS)
def test_results_do_not_depend_on_threads(clock):
    network = random_regular(300, 6, seed=7)
    settings = {"replicates": 6, "clock": clock, "pace": PACES["all"][0], "histories": True, "seed": 8}
    one, many = (spread(network, [[0.4, 0.2]], threads=n, **settings) for n in (1, 3))
    assert one.table.equals(many.table) and one.histories.table.equals(many.histories.table)
    # Recording does not change the spread.
    unrecorded = spread(network, [[0.4, 0.2]], **{**settings, "histories": False})
    assert unrecorded.table.equals(one.table)
    # The number of shares until each time is that of the trajectories.
    shares = one.histories.table
    counted = [(shares.loc[shares["trajectory"] == 0, "time"] <= t).sum() for t in range(41)]
    assert counted == one.table.loc[one.table["trajectory"] == 0, "infected"].tolist()


def test_edges_to_sharers_are_counted_after_they_have_faded():
    # After the only round in which the centre of a star is seen, its edges still join a sharer and a susceptible agent.
    result = spread(
        from_graph(nx.star_graph(4), "star"), [[0.0]], rounds=5, replicates=1, seeds=[0], pace=Pace(shelf_life=1),
        visibility=1.0, seed=1,
    ).table  # fmt: skip
    assert result["si_edges"].tolist() == [4] * 6
    assert result["sightings"].tolist() == [0, 4, 0, 0, 0, 0]


def test_the_pace_is_named_and_recorded(tmp_path):
    network, pace = random_regular(50, 4, seed=1), Pace(ageing=20, shelf_life=6)
    plain, paced = (Spread(network, [[0.2]], rounds=3, replicates=2, pace=p, seed=1) for p in (None, pace))
    assert "pace" not in plain.columns and "pace" not in plain.describe()
    assert paced.columns["pace"] == "ageing 20, shelf life 6"
    assert paced.describe()["pace"]["shelf_life"] == 6
    spread_to(tmp_path / "x.parquet", paced)
    # JSON has lists for tuples, which must not look like other settings.
    rhythmic = Spread(network, [[0.2]], rounds=3, replicates=2, pace=Pace(rhythm=(24, 1)), seed=1)
    spread_to(tmp_path / "y.parquet", rhythmic)
    spread_to(tmp_path / "y.parquet", rhythmic, resume=True)
    assert json.loads(json.dumps(rhythmic.describe()))["pace"]["rhythm"] == [24, 1]
    with pytest.raises(InputError, match="other settings and cannot be resumed: pace"):
        spread_to(tmp_path / "x.parquet", plain, resume=True)


@pytest.mark.parametrize(
    ("parts", "pace", "text"),
    [
        ({"ageing": "20"}, Pace(ageing=20), "ageing 20"),
        ({"ageing": "power:7.5"}, Pace(ageing=7.5, ageing_law="power"), "ageing power:7.5"),
        ({"ageing": 20, "shelf_life": 6}, Pace(ageing=20, shelf_life=6), "ageing 20, shelf life 6"),
        ({"rhythm": "24"}, Pace(rhythm=(24, 1.0)), "rhythm 24:1"),
        ({"rhythm": "24:0.8", "fading": 3.0}, Pace(rhythm=(24, 0.8), fading=3), "rhythm 24:0.8, fading 3"),
        ({}, None, "None"),
    ],
)
def test_text_forms(parts, pace, text):
    assert parse_pace(**parts) == pace
    assert str(parse_pace(**parts)) == text


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"ageing": "soon"}, "ageing = 'soon': must be of the form 20 or power:20"),
        ({"ageing": "log:20"}, "ageing: law 'log' is unknown; choose one of exponential, power"),
        ({"ageing": "0"}, "ageing = 0.0: must be a number above 0"),
        ({"ageing": "nan"}, "ageing = nan: must be a number above 0"),
        ({"rhythm": "daily"}, "rhythm = 'daily': must be of the form 24 or 24:0.8"),
        ({"rhythm": "24:"}, "rhythm = '24:': must be of the form"),
        ({"rhythm": "1"}, "rhythm: period = 1.0: must be at least 2"),
        ({"rhythm": "24:-1"}, "rhythm: amplitude = -1.0: must be above 0 and at most 10"),
        ({"shelf_life": -1.0}, "shelf_life = -1.0: must be a number above 0"),
        ({"fading": float("inf")}, "fading = inf: must be a number above 0"),
    ],
)
def test_bad_paces_are_refused(parts, message):
    with pytest.raises(InputError, match=message):
        parse_pace(**parts)


def test_a_pace_that_does_not_go_with_the_process_is_refused():
    with pytest.raises(InputError, match="pace: nothing changes; give ageing"):
        Pace()
    with pytest.raises(InputError, match="ageing = 'power:20': must be a number above 0"):
        Pace(ageing="power:20")
    with pytest.raises(InputError, match=r"rhythm = 24: must be a period and an amplitude, such as \(24, 0.8\)"):
        Pace(rhythm=24)
    network = random_regular(50, 4, seed=1)
    with pytest.raises(InputError, match=r"shelf_life = 2.5: must be a whole number of rounds; or choose the clock"):
        spread(network, [[0.1]], pace=Pace(shelf_life=2.5), seed=1)
    spread(network, [[0.1]], rounds=3, pace=Pace(shelf_life=2.5), clock="continuous", seed=1)


def test_weights_are_those_of_the_formulas_and_of_the_structures():
    times = np.linspace(0, 30, 301)
    for pace, g, _ in PACES.values():
        weight = pace.time_weight(times)
        np.testing.assert_allclose(weight, np.broadcast_to(g(times), times.shape), rtol=1e-12)
        assert weight[0] == 1 and weight.max() <= 1
    np.testing.assert_allclose(Pace(fading=2).fading_weight(times), np.exp(-times / 2))
    # The means of a rhythm that its description states.
    wave = Pace(rhythm=(24, 0.8)).time_weight(np.arange(24_000) / 1000)
    assert np.exp(np.log(wave).mean()) == pytest.approx(np.exp(-0.8))
    assert wave.mean() == pytest.approx(np.exp(-0.8) * special.iv(0, 0.8))
    # In rounds, a shelf life is seen in the bins of age that the structure counts.
    ages = np.arange(10.0)
    bins = Bins(ages, ages, np.ones(10))
    counted = get_structure("shelf-life").weights(bins, {"shelf_life": 3.0})
    # Older shares keep a thousandth there, so that one that was seen late is not impossible.
    assert counted.tolist() == [1.0 if age < 3 else 0.001 for age in ages]


def test_tabulated_weights_are_as_exact_as_stated():
    rounds = 20
    between = np.linspace(0, rounds, 9973)
    for pace, bound in (
        (Pace(ageing=3), 1e-12),
        (Pace(ageing=0.5, ageing_law="power"), 0.00004 / 0.5**2),
        (Pace(rhythm=(2, 1.5)), 0.0013 * 1.5 / 2**2),
        (Pace(rhythm=(24, 1)), 0.0013 / 24**2),
    ):
        peak, thinning = make_thinning(pace, rounds, "continuous")
        table = np.exp(np.interp(between, np.arange(thinning.log_pace.size) / 64, thinning.log_pace))
        np.testing.assert_allclose(table, pace.time_weight(between), rtol=bound)
        assert np.all(table <= peak[np.minimum(between.astype(int), rounds - 1)] * (1 + 1e-12))
