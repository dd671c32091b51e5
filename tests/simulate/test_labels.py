"""The file's own names of agents: in networks, in seeds, in histories and in files."""

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest

from tworate.errors import InputError
from tworate.simulate import Network, Spread, as_network, read_network, read_trajectories, spread, spread_to
from tworate.simulate.seeding import parse_seeds

LINE = "10 20\n20 5\n5 7\n7 0\n"
SETTINGS = {"rounds": 6, "replicates": 1, "visibility": 1.0, "seed": 1, "histories": True}


@pytest.fixture
def network(tmp_path):
    (tmp_path / "line.txt").write_text(LINE)
    return read_network(tmp_path / "line.txt")


def first_sharers(data):
    shares = data.histories.shares
    return shares["agent"][shares["seed"]].tolist()


@pytest.mark.parametrize("seeds", [[0], ["0"], [np.int64(0)], ("0",)])
def test_seeds_are_the_agents_that_the_file_calls_so(network, seeds):
    data = spread(network, [[1.0]], seeds=seeds, **SETTINGS)
    assert first_sharers(data) == ["0"]
    # On a line where everybody shares at once, distance is time.
    times = dict(zip(data.histories.shares["agent"], data.histories.shares["time"], strict=True))
    assert times == {"0": 0.0, "7": 1.0, "5": 2.0, "20": 3.0, "10": 4.0}


def test_histories_and_files_have_the_names_of_the_file(network, tmp_path):
    process = Spread(network, [[1.0]], seeds=[5, "10"], **SETTINGS)
    spread_to(tmp_path / "x.parquet", process)
    shares = pd.read_parquet(tmp_path / "x.shares.parquet")
    assert set(shares["agent"][shares["seed"]]) == {"5", "10"}
    assert list(pd.read_parquet(tmp_path / "x.agents.parquet")["agent"]) == ["10", "20", "5", "7", "0"]
    histories = read_trajectories(tmp_path / "x.parquet").histories
    assert list(histories.network.labels) == ["10", "20", "5", "7", "0"]
    assert histories.share_times(0).tolist() == [0.0, 1.0, 0.0, 1.0, 2.0]
    assert histories.attributes_of(0)["persona"].notna().all()
    assert process.describe()["seeds"] == [5, "10"]
    # The same run in memory, saved and read, is the same.
    spread(network, [[1.0]], seeds=[5, "10"], **SETTINGS).save(tmp_path / "y.csv")
    again = read_trajectories(tmp_path / "y.csv").histories
    assert again.share_times(0).tolist() == histories.share_times(0).tolist()


def test_names_of_other_libraries_become_labels():
    graph = nx.Graph([("c", "a"), ("a", "b")])
    assert list(as_network(graph).labels) == ["c", "a", "b"]
    assert first_sharers(spread(as_network(graph), [[0.0]], seeds=["b"], **SETTINGS)) == ["b"]
    assert list(as_network(nx.Graph([(7, 0), (0, 1)])).labels) == [7, 0, 1]
    assert first_sharers(spread(as_network(nx.Graph([(7, 0), (0, 1)])), [[0.0]], seeds=[7], **SETTINGS)) == [7]
    assert as_network(nx.path_graph(3)).labels is None
    grid = as_network(nx.grid_2d_graph(2, 2))
    assert first_sharers(spread(grid, [[0.0]], seeds=[(1, 0)], **SETTINGS)) == ["(1, 0)"]
    named = igraph.Graph(3, [(0, 1), (1, 2)])
    assert as_network(named).labels is None
    named.vs["name"] = ["x", "y", "z"]
    assert list(as_network(named).labels) == ["x", "y", "z"]
    with pytest.raises(InputError, match="two nodes are called '1'"):
        as_network(nx.Graph([(1, "1"), ("1", "a")]))


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (["99", "5"], "has no agent called 99; its agents are called 10, 20, 5, 7, 0"),
        ([3], "has no agent called 3"),
        (["5", 5], "seeds must be different agents"),
        ([], "at least one"),
    ],
)
def test_seeds_that_the_file_does_not_have_are_refused(network, seeds, message):
    with pytest.raises(InputError, match=message):
        spread(network, [[1.0]], seeds=seeds, **SETTINGS)


def test_without_labels_seeds_are_numbers():
    network = as_network(nx.path_graph(4))
    assert first_sharers(spread(network, [[0.0]], seeds=[2], **SETTINGS)) == [2]
    with pytest.raises(InputError, match="has no names of agents; give numbers from 0 to 3"):
        spread(network, [[0.0]], seeds=["ann"], **SETTINGS)


def test_labels_must_be_different_and_as_many_as_agents():
    for labels in (["a", "b"], ["a", "b", "a"], ["a", "b", None]):
        with pytest.raises(InputError, match="labels must be 3 different names"):
            Network("path", [0, 1, 3, 4], [1, 0, 2, 1], labels)


def test_seeds_as_text_may_be_names():
    assert parse_seeds("0, 5", named=True) == ("0", "5")
    assert parse_seeds('007,"Lister, Anne"', named=True) == ("007", "Lister, Anne")
    assert parse_seeds("degree", named=True) == "degree"
    for text in ("", "a,,b", "persona:"):
        with pytest.raises(InputError, match="seeds = "):
            parse_seeds(text, named=True)


def test_an_interrupted_run_is_not_resumed_with_other_names(network, tmp_path):
    spread_to(tmp_path / "x.parquet", Spread(network, [[1.0]], seeds=[5], **SETTINGS))
    (tmp_path / "line.txt").write_text(LINE.replace("20", "30"))
    other = Spread(read_network(tmp_path / "line.txt"), [[1.0]], seeds=[5], **SETTINGS)
    with pytest.raises(InputError, match=r"network\.labels was"):
        spread_to(tmp_path / "x.parquet", other, resume=True)
