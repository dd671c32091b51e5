"""Social cues: decisions that depend on how many neighbours have shared."""

import networkx as nx
import numpy as np
import pytest
from scipy import stats

from tworate.common.cues import CUE_LABELS, CUE_STARTS, cue_of
from tworate.errors import InputError
from tworate.simulate import (
    Block,
    CompleteNetwork,
    CounterMessage,
    Pace,
    Spread,
    from_graph,
    random_regular,
    read_trajectories,
    spread,
    spread_to,
)

TABLE = np.array([[[0.1, 0.5, 0.9, 0.3], [0.3, 0.1, 0.5, 0.9]], [[0.05, 0.2, 0.4, 0.8], [0.2, 0.3, 0.4, 0.05]]])
"""A table in which every cue matters, not always in the same direction."""
N, REPLICATES = 40, 1500


def bin_of(number):
    """Return the bin of a number of sharers, written out."""
    if number <= 1:
        return 0
    if number == 2:
        return 1
    return 2 if number <= 4 else 3


def loop_in_rounds(graph, table, members, starters, rounds, visibility, outside, rng, seen_cue=True):
    """Simulate agent by agent; return the number of sharers by round, and decisions by persona, sighting and cue."""
    shared = np.isin(np.arange(len(graph)), starters)
    seen = np.zeros(len(graph), dtype=int)
    infected, decisions = [int(shared.sum())], np.zeros(table.shape, dtype=int)
    for _ in range(rounds):
        persuaded = []
        for agent in np.flatnonzero(~shared):
            n_sharing = sum(shared[other] for other in graph[agent])
            for _ in range(rng.binomial(n_sharing, visibility) + (rng.random() < outside)):
                cell = members[agent], min(seen[agent], table.shape[1] - 1), bin_of(n_sharing if seen_cue else 1)
                decisions[cell] += 1
                seen[agent] += 1
                if rng.random() < table[cell]:
                    persuaded.append(agent)
                    break
        shared[persuaded] = True
        infected.append(int(shared.sum()))
    return infected, decisions


def loop_in_time(graph, table, members, starters, rounds, visibility, outside, rng, seen_cue=True):
    """Simulate event by event, where each edge to a sharer and the outside world show the post at constant rates."""
    shared = np.isin(np.arange(len(graph)), starters)
    seen = np.zeros(len(graph), dtype=int)
    infected, decisions, time = [int(shared.sum())], np.zeros(table.shape, dtype=int), 0.0
    while True:
        n_sharing = np.array([sum(shared[other] for other in graph[agent]) for agent in graph])
        rates = np.where(shared, 0.0, visibility * n_sharing + outside)
        step = rng.exponential(1 / rates.sum()) if rates.sum() > 0 else np.inf
        while len(infected) <= rounds and time + step > len(infected):
            infected.append(int(shared.sum()))
        if len(infected) > rounds:
            return infected, decisions
        time += step
        agent = rng.choice(len(graph), p=rates / rates.sum())
        number = bin_of(n_sharing[agent] if seen_cue else 1)
        cell = members[agent], min(seen[agent], table.shape[1] - 1), number
        decisions[cell] += 1
        seen[agent] += 1
        shared[agent] = rng.random() < table[cell]


LOOPS = {"rounds": loop_in_rounds, "continuous": loop_in_time}


@pytest.mark.parametrize("edges", ["regular", "complete", "stored complete"])
@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_kernels_and_plain_loops_have_the_same_distribution(clock, edges):
    visibility = 0.3 if edges == "regular" else 0.05
    graph = nx.random_regular_graph(6, N, seed=2) if edges == "regular" else nx.complete_graph(N)
    network = CompleteNetwork(N) if edges == "complete" else from_graph(graph, edges)
    members, rounds = np.arange(N) % 2, 6
    settings = {"rounds": rounds, "visibility": visibility, "outside": 0.02, "clock": clock}
    data = spread(network, TABLE, members, replicates=REPLICATES, initial_sharers=2, seed=1, **settings)
    infected = data.table["infected"].to_numpy().reshape(REPLICATES, rounds + 1)
    rows = data.counts[data.counts["sighting"] > 0]
    cells = (rows["persona"].astype(int), rows["sighting"] - 1, rows["cue"].map(CUE_LABELS.index))
    decided = np.zeros((REPLICATES, *TABLE.shape), dtype=int)
    np.add.at(decided, (rows["trajectory"], *cells), rows["decisions"])
    for seen_cue, alike in ((True, True), (False, False)):
        rng, runs = np.random.default_rng(7), 450 if edges == "regular" else 200
        loop = [
            LOOPS[clock](
                graph, TABLE, members, rng.choice(N, 2, replace=False), rounds, visibility, 0.02, rng, seen_cue
            )
            for _ in range(runs)
        ]
        expected, expected_decisions = (np.array(values) for values in zip(*loop, strict=True))
        smallest = min(stats.ks_2samp(infected[:, t], expected[:, t]).pvalue for t in (2, 4, 6))
        # By hand: decisions of each cell, compared by their means in units of the standard error.
        error = np.sqrt(decided.var(axis=0) / REPLICATES + expected_decisions.var(axis=0) / len(loop)) + 1e-3
        z = np.abs(decided.mean(axis=0) - expected_decisions.mean(axis=0)) / error
        # Three tests of curves and sixteen of cells at a joint level of 1e-3; without cues the loop differs.
        assert (smallest > 1e-3 / 6 and z.max() < stats.norm.isf(1e-3 / 64)) == alike


OPTIONS = {
    "plain": {},
    "outside": {"outside": 0.05, "initial_sharers": 0},
    "counter": {"interventions": [CounterMessage(0.5, 2)]},
    "fading": {"pace": Pace(fading=3)},
    "shelf life": {"pace": Pace(shelf_life=3)},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("network", [random_regular(200, 6, seed=3), CompleteNetwork(60)], ids=["edges", "complete"])
@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_a_cue_without_effect_gives_the_spread_without_cue_bit_by_bit(clock, network, options):
    flat = TABLE[:, :, 0]
    settings = {"clock": clock, "rounds": 8, "replicates": 6, "visibility": 0.1, "seed": 5}
    settings |= {"initial_sharers": 1 if isinstance(network, CompleteNetwork) else 20, **options}
    members = np.arange(network.n_agents) % 2
    without = spread(network, flat, members, **settings)
    with_cue = spread(network, np.repeat(flat[:, :, None], 4, axis=2), members, **settings)
    assert with_cue.table.equals(without.table)
    keys = ["trajectory", "time", "persona", "sighting"]
    summed = with_cue.counts.groupby(keys)[["decisions", "new_sharers"]].sum()
    assert summed.equals(without.counts.groupby(keys)[["decisions", "new_sharers"]].sum())
    assert with_cue.counts["cue"].nunique() > 2


def test_blocked_agents_are_not_among_those_that_have_shared():
    # Everybody shares at once if two neighbours have; a blocked neighbour never does.
    network = from_graph(nx.cycle_graph(60), "ring")
    data = spread(
        network, [[[0.0, 1.0, 1.0, 1.0]]], rounds=5, replicates=20, visibility=1.0, initial_sharers=5,
        interventions=[Block(0.5)], seed=1,
    )  # fmt: skip
    cues = data.counts[data.counts["sighting"] > 0]
    assert set(cues["cue"]) <= {"1", "2"}
    assert (cues.loc[cues["cue"] == "1", "new_sharers"] == 0).all()
    assert (cues.loc[cues["cue"] == "2", "new_sharers"] <= cues.loc[cues["cue"] == "2", "decisions"]).all()


def test_two_sharers_persuade_at_once_where_one_never_does():
    # A path of three agents whose ends are the sharers: the middle shares at its first sighting.
    path = from_graph(nx.path_graph(3), "path")
    table = [[[0.0, 1.0, 0.0, 0.0]]]
    settings = {"rounds": 3, "replicates": 50, "visibility": 1.0, "seed": 1}
    assert (spread(path, table, seeds=[0, 2], **settings).table.query("time > 0")["infected"] == 3).all()
    assert (spread(path, table, seeds=[0], **settings).table["infected"] == 1).all()


def test_bins_of_numbers_are_those_written_out():
    assert cue_of(np.arange(30)).tolist() == [bin_of(number) for number in range(30)]
    assert len(CUE_LABELS) == len(CUE_STARTS)


def test_counts_by_cue_are_saved_and_read(tmp_path):
    process = Spread(random_regular(100, 4, seed=1), TABLE[:1], rounds=5, replicates=3, seed=2)
    spread_to(tmp_path / "a.parquet", process)
    data = spread(random_regular(100, 4, seed=1), TABLE[:1], rounds=5, replicates=3, seed=2)
    data.save(tmp_path / "b.csv")
    for file in ("a.parquet", "b.csv"):
        counts = read_trajectories(tmp_path / file).counts
        assert counts["cue"].tolist() == data.counts["cue"].tolist()
        assert list(counts.columns) == list(data.counts.columns)


@pytest.mark.parametrize(
    ("table", "conditions", "message"),
    [
        (np.full((1, 2, 3), 0.5), {}, "have 3 cues: there must be 4"),
        (np.full((1, 2, 4, 1), 0.5), {}, r"\[persona, sighting, cue\]"),
        (np.full((1, 2, 4), 0.5), {"cue": "x"}, "cue is a column of the counts"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(table, conditions, message):
    with pytest.raises(InputError, match=message):
        spread(CompleteNetwork(10), table, seed=1, conditions=conditions)
