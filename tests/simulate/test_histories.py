"""Event histories and contact networks as users have them."""

import gzip

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tworate.errors import InputError
from tworate.simulate import as_trajectories, random_regular, read_trajectories
from tworate.simulate.contacts import ContactNetwork, read_contacts
from tworate.simulate.histories import EventHistories
from tworate.simulate.reading.shares import read_histories

FOLLOWS = pd.DataFrame({"source": ["ann", "ann", "bob"], "target": ["bob", "cy", "cy"]})


def pairs(network):
    source = np.repeat(np.arange(network.n_agents), np.diff(network.indptr))
    labels = np.arange(network.n_agents) if network.labels is None else network.labels
    return set(zip(labels[source], labels[network.indices], strict=True))


def test_edges_lead_from_who_posts_to_who_is_shown_the_post():
    network = ContactNetwork.of_edges(FOLLOWS)
    assert pairs(network) == {("ann", "bob"), ("ann", "cy"), ("bob", "cy")}
    assert dict(zip(network.labels, network.weights_in, strict=True)) == {"ann": 0, "bob": 1, "cy": 2}
    assert network.mean_weight_in == 1.0
    both = ContactNetwork.of_edges(FOLLOWS, directed=False)
    assert pairs(both) == pairs(network) | {(b, a) for a, b in pairs(network)}


def test_loops_go_and_repeated_edges_are_merged_with_their_weights():
    table = pd.DataFrame({"source": [1, 1, 2, 2], "target": [2, 2, 2, 3], "weight": [0.5, 1.5, 9.0, 1.0]})
    network = ContactNetwork.of_edges(table)
    assert (network.n_edges, sorted(network.weights)) == (2, [1.0, 2.0])
    assert network.notes == (
        "edges of an agent to itself, left out: 1",
        "repeated edges, merged with their weights added up: 1",
    )
    plain = ContactNetwork.of_edges(table.drop(columns="weight"))
    assert plain.weights is None
    assert plain.notes[1] == "repeated edges, merged: 1"


def test_graphs_of_other_packages_say_the_same():
    directed = nx.DiGraph([("a", "b"), ("b", "c")])
    directed.add_node("lone")
    expected = {("a", "b"), ("b", "c")}
    found = ContactNetwork.of_graph(directed)
    assert pairs(found) == expected
    assert found.n_agents == 4
    graph = igraph.Graph.TupleList(expected, directed=True)
    assert pairs(ContactNetwork.of_graph(graph)) == expected
    matrix = sparse.coo_array(([1.0, 2.0], ([0, 1], [1, 2])), shape=(4, 4))
    of_matrix = ContactNetwork.of_graph(matrix)
    assert (pairs(of_matrix), of_matrix.n_agents, of_matrix.weights.tolist()) == ({(0, 1), (1, 2)}, 4, [1.0, 2.0])
    regular = random_regular(20, 4, seed=1)
    assert ContactNetwork.of_graph(regular).mean_weight_in == 4.0
    with pytest.raises(InputError, match="a list is not a graph"):
        ContactNetwork.of_graph([])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": ["from", "to"]}, "has no column 'source'"),
        ({"source": ["ann", None, "bob"]}, "line 3: source is empty"),
        ({"weight": [1.0, -1.0, 1.0]}, "line 3: weight = -1.0 must be a number of 0 or more"),
        ({"weight": [0.0, 0.0, 0.0]}, "all weights are 0"),
        ({"target": ["ann", "ann", "bob"]}, "has no edges between two agents"),
    ],
)
def test_bad_edges_are_refused(change, message):
    table = FOLLOWS.set_axis(change["columns"], axis=1) if "columns" in change else FOLLOWS.assign(**change)
    with pytest.raises(InputError, match=message):
        ContactNetwork.of_edges(table, name="follows.csv")


def test_shares_are_read_with_dates_and_compressed_files(tmp_path):
    FOLLOWS.to_csv(tmp_path / "follows.csv", index=False)
    text = "trajectory,agent,time\nx,ann,2026-01-01T00:00:00Z\nx,bob,2026-01-01T06:00:00+01:00\n"
    (tmp_path / "shares.csv.gz").write_bytes(gzip.compress(text.encode()))
    histories = read_histories(tmp_path / "shares.csv.gz", tmp_path / "follows.csv", until=24)
    assert list(histories.shares["time"]) == [0.0, 5.0]
    assert histories.notes == ("times, dates, are counted in hours since 2026-01-01; another unit with --time-unit",)
    assert list(histories.share_times(0)) == [0.0, 5.0, np.inf]
    days = read_histories(tmp_path / "shares.csv.gz", tmp_path / "follows.csv", time_unit="day")
    assert list(days.ends) == [5.0 / 24]
    graph = nx.DiGraph(list(FOLLOWS.itertuples(index=False, name=None)))
    nx.write_graphml(graph, tmp_path / "follows.graphml")
    assert pairs(read_contacts(tmp_path / "follows.graphml")) == pairs(read_contacts(tmp_path / "follows.csv"))


def test_labels_stay_as_they_are_written(tmp_path):
    (tmp_path / "follows.csv").write_text("source,target\n007,7\n7,8\n")
    (tmp_path / "shares.csv").write_text("agent,time\n007,0\n7,1\n")
    histories = read_histories(tmp_path / "shares.csv", tmp_path / "follows.csv")
    assert histories.network.n_agents == 3
    assert list(histories.shares["agent_number"]) == [0, 1]


def test_strangers_and_second_shares_are_left_out_and_counted():
    network = ContactNetwork.of_edges(FOLLOWS)
    shares = pd.DataFrame({"agent": ["ann", "zoe", "bob", "bob"], "time": [0, 1, 5, 3]})
    histories = EventHistories(shares, network, 9)
    assert histories.shares[["agent", "time"]].to_numpy().tolist() == [["ann", 0.0], ["bob", 3.0]]
    assert histories.notes == (
        "shares by agents that are not in the network, left out: 1",
        "later shares of an agent that had shared, left out: 1",
    )


@pytest.mark.parametrize(
    ("shares", "until", "message"),
    [
        ({"agent": ["ann"], "when": [0]}, None, "has no column 'time'"),
        ({"agent": ["ann", None], "time": [0, 1]}, None, "line 3: agent is empty"),
        ({"agent": ["ann", "bob"], "time": ["0", "soon"]}, None, "line 3: time = 'soon' must be a number"),
        ({"agent": ["ann", "bob"], "time": [0, 7]}, 5, "line 3: time = 7 is after the end of the observation, 5"),
        ({"agent": ["zoe"], "time": [0]}, None, "no share is by an agent of the network"),
    ],
)
def test_bad_shares_are_refused(shares, until, message):
    with pytest.raises(InputError, match=message):
        EventHistories(pd.DataFrame(shares), ContactNetwork.of_edges(FOLLOWS), until, source="shares.csv")


def test_first_sharers_and_named_ones_are_seeds():
    network = ContactNetwork.of_edges(FOLLOWS)
    shares = pd.DataFrame({"agent": ["ann", "bob", "cy"], "time": [0, 0, 2]})
    assert list(EventHistories(shares, network).seeds(0)) == [True, True, False]
    named = EventHistories(shares.assign(time=[0, 1, 2], seed=[True, True, False]), network)
    assert list(named.seeds(0)) == [True, True, False]


def test_histories_are_split_by_condition():
    network = ContactNetwork.of_edges(FOLLOWS)
    shares = pd.DataFrame(
        {"trajectory": [1, 1, 2, 2], "agent": ["ann", "bob", "bob", "cy"], "time": [0, 1, 0, 2], "event": list("aabb")}
    )
    data = as_trajectories(EventHistories(shares, network, 5))
    parts = {condition["event"]: part for condition, part in data.split(["event"])}
    assert {name: list(part.histories.shares["agent"]) for name, part in parts.items()} == {
        "a": ["ann", "bob"], "b": ["bob", "cy"],
    }  # fmt: skip


def test_trajectories_of_one_label_are_told_apart_by_conditions():
    network = ContactNetwork.of_edges(FOLLOWS)
    shares = pd.DataFrame(
        {"trajectory": 0, "agent": ["ann", "bob", "ann", "cy"], "time": [0, 1, 0, 2], "event": list("aabb")}
    )
    assert EventHistories(shares, network, 5).n_shares == 3
    apart = EventHistories(shares, network, 5, apart_by=["event"])
    assert (apart.n_trajectories, apart.n_shares) == (2, 4)
    parts = {condition["event"]: part for condition, part in as_trajectories(apart).split(["event"])}
    assert {name: list(part.histories.shares["agent"]) for name, part in parts.items()} == {
        "a": ["ann", "bob"], "b": ["ann", "cy"],
    }  # fmt: skip


def test_every_trajectory_has_its_own_network():
    small = ContactNetwork.of_edges(FOLLOWS, name="small")
    large = ContactNetwork.of_edges(FOLLOWS, name="large", agents=["dan", "eve"])
    shares = pd.DataFrame(
        {
            "trajectory": [1, 1, 2],
            "agent": ["ann", "dan", "dan"],
            "time": [0, 1, 0],
            "network": ["small", "small", "large"],
        }
    )
    histories = EventHistories(shares, {"small": small, "large": large}, 5)
    assert histories.notes == ("shares by agents that are not in the network, left out: 1",)
    assert [histories.share_times(number).size for number in (0, 1)] == [3, 5]
    assert list(as_trajectories(histories).table.groupby("trajectory")["population"].first()) == [3, 5]
    with pytest.raises(InputError, match="line 3: there is no network 'large'; there are: small, other"):
        EventHistories(shares.iloc[[0, 2]], {"small": small, "other": large}, 5)
    with pytest.raises(InputError, match="line 2: trajectory 1 is on several networks"):
        EventHistories(shares.assign(trajectory=1), {"small": small, "large": large}, 5)
    with pytest.raises(InputError, match="name that of each trajectory in the column network"):
        EventHistories(shares.drop(columns="network"), {"small": small, "large": large}, 5)


def test_seed_is_read_as_true_or_false():
    network = ContactNetwork.of_edges(FOLLOWS)
    shares = pd.DataFrame({"agent": ["ann", "bob", "cy"], "time": [0, 1, 2], "seed": ["TRUE", "no", None]})
    assert list(EventHistories(shares, network).seeds(0)) == [True, False, False]
    with pytest.raises(InputError, match=r"shares.csv, line 3: seed = 'perhaps' must be true or false"):
        EventHistories(shares.assign(seed=["1", "perhaps", "0"]), network, source="shares.csv")


def test_a_file_of_edges_may_hold_several_networks(tmp_path):
    (tmp_path / "shares.csv").write_text("trajectory,agent,time,network\nx,a,0,one\nx,b,2,one\ny,a,0,two\n")
    (tmp_path / "follows.csv").write_text("network,source,target\none,a,b\ntwo,a,c\ntwo,c,d\n")
    histories = read_histories(tmp_path / "shares.csv", tmp_path / "follows.csv", until=5)
    assert [histories.network_of(number).n_agents for number in (0, 1)] == [2, 3]
    graphs = {"one": nx.DiGraph([("a", "b")]), "two": nx.DiGraph([("a", "c"), ("c", "d")])}
    again = read_histories(tmp_path / "shares.csv", graphs, until=5)
    assert [again.network_of(number).n_edges for number in (0, 1)] == [1, 2]
    # Without that column in the shares the edges are one network.
    (tmp_path / "shares.csv").write_text("agent,time\na,0\nb,2\n")
    assert read_histories(tmp_path / "shares.csv", tmp_path / "follows.csv").network.n_agents == 4


def test_names_of_networks_may_be_numbers(tmp_path):
    (tmp_path / "shares.csv").write_text("trajectory,agent,time,network\n1,a,0,1\n2,a,0,2\n")
    (tmp_path / "follows.csv").write_text("network,source,target\n1,a,b\n2,a,c\n2,c,d\n")
    histories = read_histories(tmp_path / "shares.csv", tmp_path / "follows.csv", until=5)
    assert [histories.network_of(number).n_agents for number in (0, 1)] == [2, 3]


def test_columns_that_change_within_a_trajectory_are_no_conditions():
    shares = pd.DataFrame({"agent": ["ann", "bob"], "time": [0, 1], "app": ["x", "y"], "degree": 7, "event": "e"})
    data = as_trajectories(EventHistories(shares, ContactNetwork.of_edges(FOLLOWS), 3))
    assert data.conditions == ["event"]
    assert set(data.table["degree"]) == {1.0}


def test_a_time_that_is_no_number_among_numbers_is_named(tmp_path):
    FOLLOWS.to_csv(tmp_path / "follows.csv", index=False)
    (tmp_path / "shares.csv").write_text("agent,time\nann,0\nbob,1\ncy,x\n")
    with pytest.raises(InputError, match=r"line 4: time = 'x' is neither a number nor a date"):
        read_histories(tmp_path / "shares.csv", tmp_path / "follows.csv")


def test_weights_of_one_of_several_networks_are_kept(tmp_path):
    plain = ContactNetwork.of_edges(FOLLOWS, name="plain")
    weighted = ContactNetwork.of_edges(FOLLOWS.assign(weight=[1.0, 2.0, 3.0]), name="weighted")
    shares = pd.DataFrame({"trajectory": [1, 2], "agent": "ann", "time": 0, "network": ["plain", "weighted"]})
    data = as_trajectories(EventHistories(shares, {"plain": plain, "weighted": weighted}, 4))
    data.save(tmp_path / "x.csv")
    networks = read_trajectories(tmp_path / "x.csv").histories.networks
    assert networks["plain"].weights is None
    assert list(networks["weighted"].weights) == [1.0, 2.0, 3.0]
