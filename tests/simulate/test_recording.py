"""Who shared when in a simulation: recorded without changing it, at exact times, and kept in files."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tworate.errors import InputError
from tworate.inference.data.individual import agent_exposure
from tworate.simulate import (
    Spread,
    as_network,
    make_network,
    parse_intervention,
    random_regular,
    read_trajectories,
    spread,
    spread_to,
)
from tworate.simulate.history_files import network_path, shares_path
from tworate.simulate.spreading import simulate

NETWORK = make_network("watts-strogatz", 300, 6, seed=1)


@pytest.fixture(params=["rounds", "continuous"])
def clock(request):
    return request.param


def recorded(clock, **changes):
    settings = {"rounds": 15, "replicates": 3, "visibility": 0.4, "seed": 2, "histories": True, "outside": 0.002}
    return spread(NETWORK, [[0.3, 0.1]], clock=clock, **{**settings, **changes})


def test_recording_does_not_change_the_spread(clock):
    pd.testing.assert_frame_equal(recorded(clock).table, recorded(clock, histories=False).table)


def test_shares_add_up_to_the_counts_at_every_time(clock):
    data = recorded(clock)
    for number, (_, path) in enumerate(data.table.groupby("trajectory")):
        times = np.sort(data.histories.share_times(number))
        assert list(np.searchsorted(times, path["time"], side="right")) == list(path["infected"])
        assert data.histories.seeds(number).sum() == 5


def test_times_between_two_agents_are_exponential():
    pairs = nx.Graph([(2 * i, 2 * i + 1) for i in range(4000)])
    data = spread(
        as_network(pairs), [[0.5]], rounds=3, replicates=1, visibility=1.2, clock="continuous", seed=3, histories=True,
        seeds=range(0, 8000, 2),
    )  # fmt: skip
    times = data.histories.share_times(0)[1::2]
    times = times[np.isfinite(times)]
    truncated = stats.truncexpon(b=3 * 0.6, scale=1 / 0.6)
    assert times.size == pytest.approx(4000 * -np.expm1(-1.8), abs=4 * 30)
    assert stats.kstest(times, truncated.cdf).pvalue > 1e-3


def test_exposure_at_the_time_of_sharing_is_exponential_while_the_spread_grows():
    # A spread that doubles quickly: the pool of edges outgrows its places within a batch of events.
    network = random_regular(4000, 6, seed=4)
    data = spread(network, [[0.5]], rounds=12, replicates=1, visibility=2.0, clock="continuous", seed=5, histories=True)
    exposure, spontaneous = agent_exposure(data.histories, "continuous")
    assert exposure.shared.all()
    assert not spontaneous.any()
    # Every edge to a sharer persuades at the rate 1, so the exposure at the share has an exponential distribution.
    assert stats.kstest(exposure.end * 6, stats.expon.cdf).pvalue > 1e-3


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_histories_are_saved_beside_the_trajectories(suffix, clock, tmp_path):
    spreads = [
        Spread(NETWORK, [[p]], rounds=9, replicates=2, clock=clock, visibility=0.5, seed=6, histories=True,
               conditions={"event": event})
        for p, event in ((0.2, "a"), (0.4, "b"))
    ]  # fmt: skip
    data = simulate(spreads)
    path = tmp_path / f"x{suffix}"
    data.save(path)
    again = read_trajectories(path)
    assert (again.histories.clock, again.histories.until) == (clock, 9)
    assert again.histories.n_trajectories == 4
    for condition, part in again.split(["event"]):
        (own,) = (other for same, other in data.split(["event"]) if same == condition)
        for number in (0, 1):
            np.testing.assert_array_equal(own.histories.share_times(number), part.histories.share_times(number))
    np.testing.assert_array_equal(again.histories.network.indices, NETWORK.indices)
    # A table without its histories takes the files of the earlier one away.
    spread(NETWORK, [[0.2]], rounds=9, seed=6).save(path)
    assert read_trajectories(path).histories is None
    assert not shares_path(path).exists()


def test_agents_with_labels_and_without_edges_are_kept_in_files(tmp_path):
    from tworate.simulate import ContactNetwork, EventHistories, as_trajectories

    follows = pd.DataFrame({"source": ["007", "b"], "target": ["b", "7"], "weight": [0.5, 2.0]})
    network = ContactNetwork.of_edges(follows, agents=["alone"])
    data = as_trajectories(EventHistories(pd.DataFrame({"agent": ["007", "b"], "time": [0.0, 1.5]}), network, 4))
    data.save(tmp_path / "x.csv")
    again = read_trajectories(tmp_path / "x.csv").histories.network
    assert set(again.labels) == {"007", "7", "b", "alone"}
    assert dict(zip(again.labels, again.weights_in, strict=True)) == {"007": 0.0, "7": 2.0, "b": 0.5, "alone": 0.0}


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    path = tmp_path / "x.parquet"
    recorded("rounds").save(path)
    recorded("rounds", seed=3, histories=False).save(tmp_path / "other.parquet")
    (tmp_path / "other.parquet").rename(path)
    (tmp_path / "x.counts.parquet").unlink()
    with pytest.raises(InputError, match=r"the event histories .* are of 3 trajectories with .* simulate again"):
        read_trajectories(path)
    network_path(path).unlink()
    with pytest.raises(InputError, match=r"x.shares.parquet: x.network.parquet is missing beside it"):
        read_trajectories(path)


def test_blocked_agents_and_complete_networks_are_not_recorded():
    with pytest.raises(InputError, match="histories are recorded on a network with edges, without blocked agents"):
        recorded("rounds", interventions=[parse_intervention("block:0.1")])
    with pytest.raises(InputError, match="histories are recorded on a network with edges"):
        spread(make_network("complete", 50, 0, seed=1), [[0.1]], seed=1, histories=True)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_spread_in_which_nobody_shares_has_no_histories(suffix, tmp_path):
    silent = Spread(NETWORK, [[0.0]], rounds=3, replicates=2, initial_sharers=0, outside=0.1, seed=1, histories=True)
    assert simulate([silent]).histories is None
    path = tmp_path / f"x{suffix}"
    if suffix == ".csv":
        simulate([silent]).save(path)
    else:
        spread_to(path, silent)
    assert read_trajectories(path).histories is None


def test_a_trajectory_in_which_nobody_shares_is_left_out_of_the_histories():
    data = spread(NETWORK, [[0.001]], rounds=6, replicates=12, initial_sharers=0, outside=0.05, seed=1, histories=True)
    shared = data.table.groupby("trajectory")["infected"].max()
    assert 0 < (shared == 0).sum() < 12
    assert list(data.histories.labels) == list(shared.index[shared > 0])
