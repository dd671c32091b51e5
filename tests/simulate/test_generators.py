import re
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import tworate
from tworate.errors import InputError
from tworate.simulate import CompleteNetwork, make_network, random_regular
from tworate.simulate.edges import from_edges
from tworate.simulate.generators import NETWORKS, check_network, parse_network
from tworate.simulate.random_graphs import erdos_renyi

STORED = [name for name in NETWORKS if name != "complete"]


@pytest.mark.parametrize("name", STORED)
def test_named_networks_are_simple_seeded_and_have_the_given_mean_degree(name):
    network = make_network(name, 500, 6, seed=3)
    assert (network.name, network.n_agents) == (name, 500)
    # A grown network has fewer edges, (n - m) m.
    grown = name in ("barabasi-albert", "powerlaw-cluster")
    assert network.mean_degree == pytest.approx(2 * (500 - 3) * 3 / 500 if grown else 6)
    np.testing.assert_array_equal(network.indices, make_network(name, 500, 6, seed=3).indices)
    assert not np.array_equal(network.indices, make_network(name, 500, 6, seed=4).indices)
    owner = np.repeat(np.arange(500), network.degrees)
    pairs = set(zip(owner.tolist(), network.indices.tolist(), strict=True))
    assert len(pairs) == network.indices.size
    assert all((other, agent) in pairs and agent != other for agent, other in pairs)


def test_complete_networks_ignore_seed_and_degree():
    assert make_network("complete", 500, 8, seed=1) == CompleteNetwork(500)


def test_draws_of_a_network_are_not_those_of_the_bare_seed():
    # Personas are drawn from the bare seed; with one stream, network and personas would depend on each other.
    bare = from_edges("bare", 1000, *erdos_renyi(1000, 1000, np.random.default_rng(1)))
    assert not np.array_equal(bare.indices, make_network("erdos-renyi", 1000, 2, seed=1).indices)


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("erdos-renyi", "erdos-renyi", {}),
        ("watts-strogatz:rewired=0.10", "watts-strogatz", {"rewired": 0.1}),
        ("watts-strogatz: rewired = 0.25", "watts-strogatz:rewired=0.25", {"rewired": 0.25}),
        ("powerlaw-cluster:triads=1", "powerlaw-cluster:triads=1", {"triads": 1.0}),
        ("stochastic-block:between=0.1", "stochastic-block:blocks=4,between=0.1", {"blocks": 4, "between": 0.1}),
        ("stochastic-block:between=0.05,blocks=9", "stochastic-block:blocks=9,between=0.05", None),
    ],
)
def test_parameters_are_read_and_written_in_full_if_one_is_not_the_default(text, name, values):
    spec = parse_network(text)
    assert str(spec) == name
    assert values is None or spec.values == values
    assert parse_network(name) == spec
    assert make_network(text, 90, 4, seed=1).name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale-free", "neither a file nor one of random-regular, erdos-renyi"),
        ("erdos-reny", "did you mean erdos-renyi"),
        ("Watts-Strogatz:rewired=0.3", "did you mean watts-strogatz"),
        ("watts-strogatz:rewire=0.3", "watts-strogatz takes rewired, not 'rewire'; did you mean rewired"),
        ("watts-strogatz:", "'' is not key=value, such as watts-strogatz:rewired=0.1"),
        ("watts-strogatz:0.3", "'0.3' is not key=value"),
        ("watts-strogatz:rewired=x", r"rewired = x must be a number in \[0, 1\] \(fraction of edges"),
        ("watts-strogatz:rewired=1.5", r"rewired = 1.5 must be a number in \[0, 1\]"),
        ("watts-strogatz:rewired=nan", r"rewired = nan must be a number in \[0, 1\]"),
        ("watts-strogatz:rewired=0.1,rewired=0.2", "rewired is given twice"),
        ("stochastic-block:blocks=2.5", "blocks = 2.5 must be a whole number at least 2"),
        ("stochastic-block:blocks=1", "blocks = 1 must be a whole number at least 2"),
        ("stochastic-block:beetween=0.1", "did you mean between"),
        ("complete:degree=3", "complete takes no parameters"),
    ],
)
def test_invalid_names_are_refused_with_the_nearest_valid_one(text, message):
    with pytest.raises(InputError, match=message):
        parse_network(text)


@pytest.mark.parametrize(
    ("name", "agents", "degree", "message"),
    [
        ("random-regular", 2, 2, "agents = 2: must be at least 3"),
        ("random-regular", 10, 1, "at least 2"),
        ("random-regular", 10, 10, "below the number of agents"),
        ("random-regular", 11, 3, "must be even"),
        ("random-regular", 10**6, 999_999, "too many to store.*--network complete"),
        ("watts-strogatz", 100, 3, "even mean degree"),
        ("barabasi-albert", 100, 3, "even mean degree"),
        ("powerlaw-cluster", 100, 3, "even mean degree"),
        ("stochastic-block:blocks=200", 100, 4, r"blocks = 200: must be at most the number of agents \(100\)"),
        ("stochastic-block:blocks=50", 100, 4, "190 edges within 50 blocks of 2 or more agents are too many"),
        ("complete", 2, 8, "agents = 2: must be at least 3"),
    ],
)
def test_impossible_networks_are_refused_before_they_are_drawn(name, agents, degree, message):
    with pytest.raises(InputError, match=message):
        check_network(name, agents, degree)
    with pytest.raises(InputError, match=message):
        make_network(name, agents, degree, seed=1)


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="seed = -1"):
        random_regular(10, 4, seed=-1)


def test_the_fraction_of_edges_between_blocks_is_as_given():
    network = make_network("stochastic-block:blocks=5,between=0.2", 1000, 10, seed=1)
    owner = np.repeat(np.arange(1000), network.degrees)
    assert np.mean(owner // 200 != network.indices // 200) == pytest.approx(0.2, abs=1e-12)
    assert make_network("stochastic-block:between=0", 1000, 10, seed=1).describe().components >= 4


def test_a_file_name_may_look_like_a_network_with_parameters(tmp_path, monkeypatch):
    nx.write_edgelist(nx.path_graph(4), tmp_path / "a:b=c", data=False)
    monkeypatch.chdir(tmp_path)
    assert make_network("a:b=c", 1000, 8, seed=0).n_agents == 4
    check_network("a:b=c", 1000, 8)


def test_the_example_of_the_contributing_page_makes_a_ring(monkeypatch):
    page = (Path(tworate.__file__).parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(def _ring.*?)\n\n\nNetworkKind", page, flags=re.DOTALL)
    namespace = {"np": np, "Network": object, "__package__": "tworate.simulate", "__name__": "tworate.simulate.ring"}
    exec(code, namespace)
    network = namespace["_ring"]("ring", 10, 4, np.random.default_rng(1))
    assert sorted(network.indices[network.indptr[0] : network.indptr[1]].tolist()) == [1, 2, 8, 9]
    assert network.n_edges == 20
