"""Placement of labels on a network, and groups of agents in what a spread records."""

import numpy as np
import pytest

from tworate.errors import InputError
from tworate.simulate import Spread, make_network, place, random_regular, read_trajectories, spread, spread_to

SCALE_FREE = make_network("barabasi-albert", 300, 6, seed=1)
LABELS = np.random.default_rng(1).permutation(np.repeat(np.arange(3), [150, 100, 50]))


@pytest.mark.parametrize("how", ["random", "block", "degree"])
def test_every_label_keeps_its_number_of_agents(how):
    placed = place(SCALE_FREE, LABELS, how, seed=3)
    np.testing.assert_array_equal(np.bincount(placed), np.bincount(LABELS))
    np.testing.assert_array_equal(placed, place(SCALE_FREE, LABELS, how, seed=3))


def test_random_leaves_labels_and_block_sorts_them():
    np.testing.assert_array_equal(place(SCALE_FREE, LABELS, "random", seed=3), LABELS)
    np.testing.assert_array_equal(place(SCALE_FREE, LABELS, "block", seed=3), np.sort(LABELS))


def test_by_degree_the_first_kind_has_the_most_neighbours_and_ties_are_drawn():
    placed = place(SCALE_FREE, LABELS, "degree", seed=3)
    degrees = SCALE_FREE.degrees
    assert degrees[placed == 0].min() >= degrees[placed == 1].max()
    assert degrees[placed == 1].min() >= degrees[placed == 2].max()
    # Half of all agents have the least number of neighbours: another seed gives the labels to others of them.
    other = place(SCALE_FREE, LABELS, "degree", seed=4)
    assert not np.array_equal(placed, other)
    assert set(degrees[placed != other]) <= {degrees[placed == 0].min(), degrees[placed == 1].min()}
    # Ties do not go to the agents with low numbers, which are the oldest in this network.
    tied = degrees == degrees[placed == 0].min()
    first, second = (np.flatnonzero(tied & (placed == label)).mean() for label in (0, 1))
    assert abs(first - second) < 0.25 * 300


def test_labels_of_one_kind_stay_in_random_order():
    kinds = np.array([0, 0, 1])
    for how in ("block", "degree"):
        placed = place(SCALE_FREE, LABELS, how, seed=3, kinds=kinds)
        np.testing.assert_array_equal(np.bincount(placed), np.bincount(LABELS))
        ranks = np.arange(300) if how == "block" else np.argsort(np.argsort(-SCALE_FREE.degrees, kind="stable"))
        # 150 and 100 agents of one kind at 250 ranks, whose standard deviation is about 75.
        spread_of_means = 75 * (1 / 150 + 1 / 100) ** 0.5
        assert abs(ranks[placed == 0].mean() - ranks[placed == 1].mean()) < 4.5 * spread_of_means
        # The second kind comes last.
        order = np.arange(300) if how == "block" else -SCALE_FREE.degrees
        assert order[placed == 2].min() >= order[placed != 2].max()


def test_invalid_placements_are_refused():
    with pytest.raises(InputError, match="placement = 'hub': must be one of random, block, degree"):
        place(SCALE_FREE, LABELS, "hub", seed=1)
    with pytest.raises(InputError, match="all agents of the network random-regular have 4 neighbours"):
        place(random_regular(300, 4, seed=1), LABELS, "degree", seed=1)


NETWORK = random_regular(60, 4, seed=1)
PROCESS = {
    "rounds": 5, "replicates": 2, "seed": 2, "histories": True, "persona_labels": ["a", "b", "c"],
    "persona_groups": ["people", "people", "bots"],
}  # fmt: skip
GROUP_OF = {"a": "people", "b": "people", "c": "bots"}


def test_groups_are_recorded_in_memory_and_in_files(tmp_path):
    table, members = [[0.4], [0.3], [0.1]], np.arange(60) % 3
    made = spread(NETWORK, table, members, **PROCESS)
    spread_to(tmp_path / "x.parquet", Spread(NETWORK, table, members, **PROCESS))
    made.save(tmp_path / "y.csv")
    for data in (made, read_trajectories(tmp_path / "x.parquet"), read_trajectories(tmp_path / "y.csv")):
        assert (data.counts["group"].astype(str) == data.counts["persona"].map(GROUP_OF)).all()
        agents = data.histories.agents
        assert (agents["group"].astype(str) == agents["persona"].astype(str).map(GROUP_OF)).all()
        assert data.histories.attributes == ["persona", "group"]
    assert made.record["spreads"][0]["groups"] == ["people", "people", "bots"]
    assert "group" not in spread(NETWORK, table, members, **(PROCESS | {"persona_groups": None})).counts


@pytest.mark.parametrize("change", [{"persona_groups": ["people"]}, {"conditions": {"group": "x"}}])
def test_groups_that_do_not_fit_are_refused(change):
    with pytest.raises(InputError, match="persona_groups must be 3 names"):
        spread(NETWORK, [[0.4], [0.3], [0.1]], np.arange(60) % 3, **(PROCESS | change))
